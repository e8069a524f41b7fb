"""What the keystore's tests share: a moment, a pepper, and sessions without the app."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from keystore import Peppers, judge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEPPERS = Peppers.parse("v1:the first pepper of the tests")
LATER = NOW + timedelta(seconds=60)


class Database:
    """Reading and writing sessions; on SQLite a writer begins with BEGIN IMMEDIATE, so that it reads what it decides on."""

    def __init__(self, url):
        self.engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
            event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with Session(self.engine) as session, session.begin():
            yield session


def verdict(keys, issued, now=NOW):
    return judge(keys.authenticate(issued.secret.reveal()), now)


def rotate(keys, key_id, *, grace_seconds=60):
    return keys.rotate(key_id, grace_seconds=grace_seconds, seed=b"2" * 32, now=NOW, mode="test")


@contextmanager
def counted(database):
    """The statements an engine executes meanwhile."""
    statements = []

    def note(connection, cursor, statement, *rest):
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)
