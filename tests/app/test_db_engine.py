"""Engines and sessions: what the drivers' defaults would lose, and that ours do not."""

import threading
from contextlib import suppress

import pytest
from sqlalchemy import make_url, text

from app.db import Database


@pytest.fixture
def database(empty_url):
    database = Database(empty_url)
    with database.write() as session:
        session.execute(text("CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
        session.execute(text("INSERT INTO counters VALUES (1, 0)"))
    yield database
    database.engine.dispose()


@pytest.fixture
def sqlite(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    yield database
    database.engine.dispose()


def count(database):
    with database.read() as session:
        return session.scalar(text("SELECT n FROM counters"))


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)]
)
def test_sqlite_is_set_up_to_lose_nothing(sqlite, pragma, value):
    with sqlite.read() as session:
        assert session.scalar(text(f"PRAGMA {pragma}")) == value


def test_a_block_that_ends_well_is_committed(database):
    with database.write() as session:
        session.execute(text("UPDATE counters SET n = 1"))

    assert count(database) == 1


def test_a_block_that_fails_leaves_nothing(database):
    with suppress(RuntimeError), database.write() as session:
        session.execute(text("UPDATE counters SET n = 1"))
        raise RuntimeError

    assert count(database) == 0


def test_reading_commits_nothing(database):
    with database.read() as session:
        session.execute(text("UPDATE counters SET n = 1"))

    assert count(database) == 0


def test_read_then_write_by_many_threads_loses_no_update_on_sqlite(sqlite):
    with sqlite.write() as session:
        session.execute(text("CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
        session.execute(text("INSERT INTO counters VALUES (1, 0)"))

    def add_one():
        with sqlite.write() as session:
            seen = session.scalar(text("SELECT n FROM counters"))
            session.execute(text("UPDATE counters SET n = :n"), {"n": seen + 1})

    threads = [threading.Thread(target=add_one) for _ in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert count(sqlite) == 16


def test_a_reader_does_not_wait_for_a_writer(database):
    with database.write() as writing:
        writing.execute(text("UPDATE counters SET n = 1"))

        assert count(database) == 0


def asked_of_libpq(url):
    """What the driver was told about the connection."""
    database = Database(url)
    with database.engine.connect() as connection:
        told = connection.connection.driver_connection.info.get_parameters()
    database.engine.dispose()
    return told


@pytest.mark.parametrize(
    ("name", "value"),
    [("tcp_user_timeout", "15000"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3")],
)
def test_a_host_that_vanishes_is_noticed(postgresql_url, name, value):
    assert asked_of_libpq(postgresql_url)[name] == value


def test_the_url_goes_before_what_we_think(postgresql_url):
    url = make_url(postgresql_url).update_query_dict({"keepalives_idle": "99"})
    assert asked_of_libpq(url.render_as_string(hide_password=False))["keepalives_idle"] == "99"


def test_no_statement_runs_for_ever(postgresql_url):
    database = Database(postgresql_url)
    with database.read() as session:
        limits = [session.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout")]
    database.engine.dispose()
    assert limits == ["15s", "10s"]
