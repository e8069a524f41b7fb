"""Engines and sessions. SQLite is set up so that nothing acknowledged is lost; PostgreSQL needs no such care."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.db.engines import make_engine
from app.db.prompt import UNABLE, DatabaseDown, Prompt

__all__ = ["UNABLE", "Database", "DatabaseDown", "make_engine"]
PROMPT_SECONDS = 0.25  # how long the gate waits for the database
WRITE_SECONDS = 1.0  # how long where something has to reach the disk
PROMPT_POOL, PROMPT_WRITERS = 4, 2  # connections, and as many more for a while

T = TypeVar("T")


class Database:
    """Where sessions come from: `read()` for looking, `write()` for the one transaction of a step. Each takes a `turn`."""

    def __init__(
        self,
        url: str,
        *,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        prompt_seconds: float = PROMPT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = make_engine(url)
        # A file: nothing but its lock is waited for.
        self._turn = nullcontext if self.engine.dialect.name == "sqlite" else turn
        self._writer = self.engine.execution_options(write=True)
        here, answered = lambda: self.engine, Event()
        self._reads = Prompt(here, PROMPT_POOL, prompt_seconds, answered, monotonic)
        self._writes = Prompt(here, PROMPT_WRITERS, WRITE_SECONDS, answered, monotonic)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that is rolled back at the end."""
        with self._turn(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends well and rolls back when it does not."""
        with self._turn(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def ask(self, question: Callable[[Connection], T]) -> T:
        """A short read for the hot path, of one statement. Raises DatabaseDown within `prompt_seconds`."""
        return self._reads.ask(question)

    def do(self, step: Callable[[Session], T], *, late: Callable[[T], None] | None = None) -> T:
        """The same for a statement that writes, committed at once, within `WRITE_SECONDS`; on SQLite within `BUSY_SECONDS`, for its lock.

        It may be done even where DatabaseDown is raised: on PostgreSQL `late` gets what is answered after that. After a broken
        connection it is done again.
        """

        def question(connection: Connection) -> T:
            with Session(connection) as session:
                return step(session)

        return self._writes.ask(question, late)

    @property
    def is_resting(self) -> bool:
        """Whether a short question has just failed: nothing that can wait should be tried now."""
        return self._reads.is_resting or self._writes.is_resting
