"""While the database is down the gate goes on with what it knew a minute ago at most, and says so quickly where it knows nothing."""

import time

import pytest
from sqlalchemy import create_engine, event, text

from app import ingest
from app.db import Database, DatabaseDown
from app.decision import Outcome
from app.gate import Gate


class Ticks:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


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


def test_a_database_that_hangs_is_not_waited_for(postgresql_url):
    database = Database(postgresql_url)
    database.ask(lambda connection: connection.closed)  # a cold start may take longer
    begun = time.monotonic()
    with pytest.raises(DatabaseDown):
        database.ask(lambda connection: connection.execute(text("SELECT pg_sleep(1)")))
    waited = time.monotonic() - begun
    database._threads.shutdown()
    database.engine.dispose()
    assert waited < 0.3


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
    database._threads.shutdown()
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
