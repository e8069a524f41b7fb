"""A few threads are never let in to the database, so that the gate has some whatever becomes of the others."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Event

import pytest

from app import audit
from app.db import Database, DatabaseDown
from app.turns import SHORT_SECONDS, Turns

THREADS = 4  # two of which may wait for the database


@pytest.fixture
def turns():
    return Turns(THREADS)


@pytest.fixture
def busy(turns):
    """Two requests are at the database, until they are told to end."""
    begun, end = [Event(), Event()], Event()

    def stay(event):
        with turns.turn():
            event.set()
            assert end.wait(10)

    with ThreadPoolExecutor(2) as many:
        stays = [many.submit(asked, stay, event) for event in begun]
        assert all(event.wait(10) for event in begun)
        yield lambda: [end.set(), *(one.result() for one in stays)]
        end.set()


def asked(work, *arguments):
    """Do it on behalf of a request."""

    def act():
        audit.request_id.set("req_1")
        return work(*arguments)

    return copy_context().run(act)


def take(turns):
    with turns.turn():
        return "in"


def seconds_until_refused(turns):
    begun = time.monotonic()
    with pytest.raises(DatabaseDown):
        asked(take, turns)
    return time.monotonic() - begun


@pytest.fixture
def waiting(turns, busy):
    """A third one waits, as long as that may take."""
    with ThreadPoolExecutor(1) as one:
        third = one.submit(asked, take, turns)
        time.sleep(2 * SHORT_SECONDS)
        yield third
        busy()


def test_the_last_thread_is_not_let_in_and_hears_so_soon(turns, waiting):
    assert SHORT_SECONDS / 2 < seconds_until_refused(turns) < 2 * SHORT_SECONDS


def test_after_one_that_waited_in_vain_nobody_waits(turns, waiting, caplog):
    seconds_until_refused(turns)
    assert max(seconds_until_refused(turns) for _ in range(10)) < SHORT_SECONDS / 2
    assert len(caplog.records) == 1


def test_the_last_but_one_waits_for_a_busy_database(turns, busy, waiting):
    seconds_until_refused(turns)
    busy()
    assert (waiting.result(), asked(take, turns)) == ("in", "in")


def test_more_than_there_are_turns_are_all_let_in_where_each_is_short(turns):
    with ThreadPoolExecutor(THREADS) as many:
        stays = [many.submit(asked, stay_for, turns, SHORT_SECONDS / 5) for _ in range(10 * THREADS)]
    assert [stay.result() for stay in stays] == ["in"] * 10 * THREADS


def stay_for(turns, seconds):
    with turns.turn():
        time.sleep(seconds)
        return "in"


def test_under_more_than_a_slow_database_can_take_a_thread_is_free_all_the_same(turns):
    """Six a second for twice two that take half a second, on four threads: how long what needs no database waits for one."""
    with ThreadPoolExecutor(THREADS) as many, ThreadPoolExecutor(1) as beside:
        known = beside.submit(lambda: [seconds_until_run(many) for _ in range(20)])
        sent = [many.submit(asked, stay_for, turns, 0.5) for _ in range(18) if time.sleep(1 / 6) is None]
        waits = known.result()
    [stay.exception() for stay in sent]

    assert max(waits) < 2 * SHORT_SECONDS


def seconds_until_run(many):
    begun = time.monotonic()
    many.submit(int).result(10)
    waited = time.monotonic() - begun
    time.sleep(0.15)
    return waited


def test_one_that_fails_is_no_reason_to_wait_again(turns, waiting):
    """A connection is given up; the next request has its turn, and hangs as well."""
    seconds_until_refused(turns)
    turns._free.give_back()  # as if one of the two had never come
    waiting.result()
    with ThreadPoolExecutor(1) as many:
        turns._is_stuck = True
        assert isinstance(many.submit(asked, fail, turns).exception(), ZeroDivisionError)
    turns._free.take(timeout=0)

    assert turns._is_stuck


def test_one_that_fails_gives_its_turn_back(turns):
    with suppress(ZeroDivisionError):
        asked(fail, turns)
    assert [asked(take, turns) for _ in range(THREADS)] == ["in"] * THREADS


def fail(turns):
    with turns.turn():
        return 1 / 0


def test_what_no_request_asked_for_takes_no_turn(turns, busy):
    assert take(turns) == "in"


def test_a_session_inside_another_one_takes_none_either():
    turns = Turns(1)

    def nested():
        with turns.turn():
            return take(turns)

    assert asked(nested) == "in"


@pytest.mark.parametrize("kind", ["read", "write"])
def test_sessions_of_postgresql_wait_for_a_turn(postgresql_url, turns, busy, kind):
    database = Database(postgresql_url, turn=turns.turn)
    with pytest.raises(DatabaseDown):
        asked(enter, getattr(database, kind))
    database.engine.dispose()


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_file_does_not_hang(sqlite_url, turns, busy, kind):
    database = Database(sqlite_url, turn=turns.turn)
    asked(enter, getattr(database, kind))
    database.engine.dispose()


def enter(session):
    with session():
        pass
