"""Upgrade, downgrade, look and compare. Any number of processes may start at once: one works, the others wait and find it done."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from app.db import make_engine

HERE = Path(__file__).parent
LOCK = 0x746F6C6C67617465  # "tollgate" as PostgreSQL's advisory lock number
PATIENCE_SECONDS = 120  # how long to wait for another process that migrates


def upgrade(url: str, revision: str = "head") -> str | None:
    """Bring the database up to a revision, creating a SQLite file and its folder when needed. Answers the revision reached."""
    with _alone(url) as connection:
        command.upgrade(_config(connection), revision)
        return _revision(connection)


def set_up_if_empty(url: str) -> None:
    """First start: an empty database gets its tables. One that has any is left to `upgrade`, when its operator says so."""
    with suppress(SQLAlchemyError):  # no answer now: /readyz says so, and a first start comes again
        if current(url) is None:
            upgrade(url)


def downgrade(url: str, revision: str) -> str | None:
    """Go back to a revision, or to `base`: nothing. Tables and what is in them are dropped."""
    with _alone(url) as connection:
        command.downgrade(_config(connection), revision)
        return _revision(connection)


def current(url: str) -> str | None:
    """The database's revision; None for one never migrated."""
    with _alone(url) as connection:
        return _revision(connection)


def heads() -> list[str]:
    """The newest revisions that are shipped. More than one is a mistake of ours."""
    return list(ScriptDirectory(str(HERE)).get_heads())


def differences(url: str) -> list[str]:
    """What keeps the database from being what the models say, in plain words; empty when all is well."""
    problems = [] if len(heads()) == 1 else [f"there are {len(heads())} newest revisions: {', '.join(heads())}"]
    with _alone(url) as connection:
        try:
            command.check(_config(connection))
        except CommandError as error:
            problems.append(str(error))
    return problems


def _config(connection: Connection) -> Config:
    config = Config(stdout=io.StringIO())  # it prints; we answer
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _alone(url: str) -> Iterator[Connection]:
    """One transaction that no other migration shares: all of it happens, or none."""
    engine = make_engine(url)
    if engine.dialect.name == "sqlite":
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
    try:
        with engine.execution_options(write=True).begin() as connection:
            _lock(engine, connection)
            yield connection
    finally:
        engine.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Tables are rebuilt under their own names: with foreign keys on, dropping the old one would empty its children."""
    connection.execute("PRAGMA foreign_keys=OFF").close()
    connection.execute(f"PRAGMA busy_timeout={PATIENCE_SECONDS * 1000}").close()


def _lock(engine: Engine, connection: Connection) -> None:
    """SQLite's BEGIN IMMEDIATE has locked already."""
    if engine.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
