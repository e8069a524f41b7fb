"""While the database is down the gate goes on with what it knew a minute ago at most, and says so quickly where it knows nothing."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest
from sqlalchemy import create_engine, event, make_url, text

from app import ingest, keys
from app.db import PROMPT_POOL, PROMPT_SECONDS, Database, DatabaseDown
from app.decision import Outcome, Toll
from app.gate import Gate
from app.keys import KeyOrder
from keystore.limits import MemoryCounter
from keystore.plans import Quota


class Ticks:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def prompt_seconds():
    return PROMPT_SECONDS


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def gate(tollgate, ticks):
    return Gate(tollgate, monotonic=ticks)


@pytest.fixture
def key(tollgate, buy, stripe, notify, clock):
    opened = buy()
    ingest.receive(tollgate, "stripe", notify(stripe.pay(at=clock())))
    return {"X-API-Key": opened.api_key.reveal()}


@pytest.fixture
def take_down(tollgate, tmp_path):
    """From now on every read fails; afterwards the database is back, for whoever cleans up."""
    good = tollgate.db.engine

    def _take_down():
        tollgate.db.engine = create_engine(f"sqlite:///{tmp_path}/no/such/place.db")

    yield _take_down
    tollgate.db.engine.dispose()
    tollgate.db.engine = good


def test_a_key_that_was_just_seen_works_on(gate, key, ticks, take_down):
    gate.decide(key)
    take_down()
    ticks.now += 59
    assert gate.decide(key).outcome is Outcome.ALLOWED


def test_it_is_counted_as_ever(gate, key, ticks, take_down):
    gate.decide(key)
    take_down()
    ticks.now += 10
    assert gate.decide(key).count.allowances[0].remaining == 598


def test_after_a_minute_it_does_not(gate, key, ticks, take_down):
    gate.decide(key)
    take_down()
    ticks.now += 60
    with pytest.raises(DatabaseDown):
        gate.decide(key)


def test_a_key_nobody_saw_is_not_let_through(gate, key, take_down):
    take_down()
    with pytest.raises(DatabaseDown):
        gate.decide(key)


def test_a_key_that_is_known_to_have_changed_does_not_work_on(tollgate, gate, key, ticks, take_down):
    record = gate.decide(key).record
    tollgate.counter.publish(record.entitlement, record.version + 1)
    take_down()
    ticks.now += 10
    with pytest.raises(DatabaseDown):
        gate.decide(key)


def test_whoever_asks_again_at_once_is_answered_without_another_try(tollgate, take_down):
    take_down()
    with pytest.raises(DatabaseDown):
        tollgate.db.ask(lambda connection: connection.closed)
    with pytest.raises(DatabaseDown, match="a moment ago"):
        tollgate.db.ask(lambda connection: connection.closed)


def test_half_a_second_later_it_is_tried_again(tollgate, take_down):
    take_down()
    with pytest.raises(DatabaseDown):
        tollgate.db.ask(lambda connection: connection.closed)
    time.sleep(0.6)
    assert not tollgate.db.is_resting


@pytest.fixture
def hung(postgresql_url):
    """Seconds until a read or a write is given up that a database, which answered before, would take so long for."""

    def _hung(kind, seconds):
        patient = make_url(postgresql_url).update_query_dict({"options": "-c statement_timeout=9000"})
        database = Database(patient.render_as_string(hide_password=False))
        database.ask(lambda connection: connection.closed)  # a cold start may take longer
        begun = time.monotonic()
        with pytest.raises(DatabaseDown):
            getattr(database, kind)(lambda place: place.execute(text(f"SELECT pg_sleep({seconds})")))
        waited = time.monotonic() - begun
        [prompt.threads.shutdown() for prompt in (database._reads, database._writes)]
        database.engine.dispose()
        return waited

    return _hung


def test_a_database_that_hangs_is_not_waited_for(hung):
    assert hung("ask", 1) < 0.9


def test_the_first_write_waits_no_longer_than_any_where_reads_were_answered(hung):
    assert hung("do", 2.5) < 2


def ask_late(database, asked):
    """For an answer that nobody waits for so long."""

    def question(connection):
        asked.append(connection.execute(text("SELECT pg_sleep(1)")))

    with suppress(DatabaseDown):
        database.ask(question)


def test_what_no_thread_had_begun_with_is_not_asked_later(postgresql_url):
    database = Database(postgresql_url, monotonic=count(0, 10).__next__)  # a clock on which no rest lasts
    database.ask(lambda connection: connection.closed)
    asked = []
    with ThreadPoolExecutor(20) as many:
        [*many.map(lambda _: ask_late(database, asked), range(20))]
    database._reads.threads.shutdown()
    database.engine.dispose()

    assert len(asked) == 2 * PROMPT_POOL


@pytest.fixture
def with_quota(tollgate, gate):
    """A key that was just used, and has a quota of which its counter knows nothing any more."""
    pro = replace(tollgate.catalog.plans["pro"], quota=Quota(500))
    gate._tollgate = replace(tollgate, catalog=replace(tollgate.catalog, plans={"pro": pro}))
    key = keys.create(tollgate, KeyOrder("pro", term_days=30), actor="test").api_key.reveal()
    gate.decide_key(key, Toll())
    gate._tollgate = replace(gate._tollgate, counter=MemoryCounter())
    return key


@pytest.fixture
def hanging(tollgate):
    """Quotas cannot be had, and nobody says so."""
    with tollgate.db.engine.connect() as connection:
        connection.execute(text("LOCK TABLE quota_blocks"))
        yield
    tollgate.db._writes.threads.shutdown()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("toll", [Toll(), Toll(peek=True)], ids=["charged", "looked"])
def test_a_quota_is_not_waited_for_either(gate, with_quota, hanging, toll):
    begun = time.monotonic()
    with pytest.raises(DatabaseDown):
        gate.decide_key(with_quota, toll)

    assert time.monotonic() - begun < 1.3


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_whoever_needs_no_quota_is_not_held_up_by_those_who_do(tollgate, gate, key, with_quota, hanging):
    with ThreadPoolExecutor(8) as many:
        waiting = [many.submit(gate.decide_key, with_quota, Toll()) for _ in range(8)]
        seen = Gate(tollgate).decide(key)  # by one that has to read it

    assert seen.outcome is Outcome.ALLOWED
    assert {type(one.exception()) for one in waiting} == {DatabaseDown}


def test_a_write_that_fails_keeps_nobody_from_reading(sqlite_url):
    database = Database(sqlite_url)
    with pytest.raises(DatabaseDown):
        database.do(lambda session: session.execute(text("DELETE FROM nowhere")))
    read = database.ask(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    database.engine.dispose()

    assert read == 1


@pytest.fixture
def slow_quota(tollgate):
    """Each block takes longer than anybody waits."""
    sleeping = "BEGIN PERFORM pg_sleep(1.2); RETURN NEW; END"
    with tollgate.db.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql AS $${sleeping}$$")
        trigger = "CREATE TRIGGER sleeps BEFORE INSERT ON quota_blocks FOR EACH ROW EXECUTE FUNCTION sleeps()"
        connection.exec_driver_sql(trigger)
    yield
    with tollgate.db.engine.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION sleeps CASCADE")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_block_that_comes_too_late_is_there_for_the_next_request(gate, with_quota, slow_quota):
    with pytest.raises(DatabaseDown):
        gate.decide_key(with_quota, Toll())
    gate._tollgate.db._writes.threads.shutdown()
    decision = gate.decide_key(with_quota, Toll())

    assert (decision.outcome, decision.count.quota.remaining) == (Outcome.ALLOWED, 498)


@pytest.fixture
def served(postgresql_url):
    """A database on a server, and a way to end all connections to it, as a restart of the server does."""
    database = Database(postgresql_url)
    others = create_engine(database.engine.url, isolation_level="AUTOCOMMIT")

    def _restart():
        with others.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )

    yield database, _restart
    database._reads.threads.shutdown()
    database.engine.dispose()
    others.dispose()


def backend(connection):
    return connection.execute(text("SELECT pg_backend_pid()")).scalar_one()


def test_after_the_server_was_restarted_the_first_question_is_answered(served):
    database, restart = served
    before = database.ask(backend)
    restart()

    assert database.ask(backend) != before


def last_statement(connection):
    """What the other connections to this database did last."""
    others = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return connection.execute(text(others)).scalars().all()


def test_a_question_of_one_statement_has_no_transaction_around_it_on_postgresql(served):
    database, _ = served
    database.ask(backend)
    with database.engine.connect() as connection:
        assert last_statement(connection) == ["SELECT pg_backend_pid()"]


def test_nor_on_sqlite_where_the_next_writer_still_has_one(tmp_path):
    database, said = Database(f"sqlite:///{tmp_path}/seen.db"), []
    event.listen(database.engine, "before_cursor_execute", lambda *seen: said.append(seen[2]))
    database.ask(lambda connection: connection.execute(text("SELECT 1")).all())
    with database.write() as session:
        session.execute(text("SELECT 2"))
    database.engine.dispose()

    assert said == ["SELECT 1", "BEGIN IMMEDIATE", "SELECT 2"]
