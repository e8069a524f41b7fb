"""A few threads are never let in to the database, so that the gate has some whatever becomes of the others."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Event

import pytest

from app import audit
from app.db import Database, DatabaseDown
from app.turns import STUCK_SECONDS, Turns

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


def test_the_last_two_threads_are_not_let_in_and_hear_so_soon(turns, busy):
    assert STUCK_SECONDS / 2 < seconds_until_refused(turns) < STUCK_SECONDS + 0.5


def test_after_one_that_waited_in_vain_nobody_waits(turns, busy, caplog):
    seconds_until_refused(turns)
    assert max(seconds_until_refused(turns) for _ in range(10)) < 0.1
    assert len(caplog.records) == 1


def test_whoever_comes_when_they_are_gone_is_let_in(turns, busy):
    seconds_until_refused(turns)
    busy()
    assert asked(take, turns) == "in"


def test_where_others_come_and_go_the_next_waits_longer(turns):
    """A database that is busy, not stuck: four at once for two places, each a little longer than half the patience."""
    with ThreadPoolExecutor(THREADS) as many:
        stays = [many.submit(asked, stay_for, turns, 0.6 * STUCK_SECONDS) for _ in range(2 * THREADS)]
    assert [stay.result() for stay in stays] == ["in"] * 2 * THREADS


def stay_for(turns, seconds):
    with turns.turn():
        time.sleep(seconds)
        return "in"


def test_a_first_request_after_a_quiet_hour_finds_nothing_stuck():
    now = [0.0]
    turns = Turns(THREADS, clock=lambda: now[0])
    now[0] = 3600.0
    with ThreadPoolExecutor(THREADS) as many:
        stays = [many.submit(asked, stay_for, turns, 0.05) for _ in range(THREADS)]
    assert [stay.result() for stay in stays] == ["in"] * THREADS


def test_one_that_fails_is_no_reason_to_wait_again(turns, busy):
    """A connection is given up; the next request has its turn, and hangs as well."""
    seconds_until_refused(turns)
    turns._free.release()  # as if one of the two had never come
    with ThreadPoolExecutor(1) as many:
        assert isinstance(many.submit(asked, fail, turns).exception(), ZeroDivisionError)
        stays = many.submit(asked, stay_for, turns, 0.5)
        time.sleep(0.1)
        refused = seconds_until_refused(turns)
    turns._free.acquire()

    assert (refused < 0.1, stays.result()) == (True, "in")


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
