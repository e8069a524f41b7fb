"""Engines and sessions. SQLite is set up so that nothing acknowledged is lost; PostgreSQL needs no such care.

On SQLite a transaction that means to write starts with BEGIN IMMEDIATE: at the driver's defaults the read that decides
lies outside the transaction and two writers mint twice (measured: 5 of 100 orders), and plain BEGIN fails at once when its
snapshot went stale. synchronous=FULL because an acknowledged webhook must survive a power cut.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Slow
from contextlib import contextmanager
from functools import cached_property, partial
from threading import Event
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

BUSY_SECONDS = 5
FIRST_SECONDS = 3.0  # before anything was answered, when connections have to be made: a cold start is no outage
PROMPT_SECONDS = 0.25  # how long the gate waits for the database
WRITE_SECONDS = 1.0  # how long where something has to reach the disk
MOST_LATE = 3  # answers in a row: one of very many may be late on a database that is well
REST_SECONDS = 0.5  # how long it asks no more after that, or when refused; a probe each time this is over
PROMPT_POOL, PROMPT_WRITERS = 4, 2  # connections, and as many more for a while
ALONE = "alone"  # execution option: one statement, which needs no transaction around it
POSTGRESQL = {
    "connect_timeout": 3,
    "options": "-c statement_timeout=15000 -c lock_timeout=10000",
    # The server keeps those two. A host that vanishes (power, network) keeps nothing, and says nothing: without these
    # whoever waits for its answer waits for a quarter of an hour and more. What was sent has to be acknowledged within
    # 15 seconds, and a server that works silently on a query has to answer probes.
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# A statement that nobody waits for any more frees its thread soon; one that waits for a lock is rolled back instead of being done unheard.
SOON = {"options": "-c statement_timeout=2000 -c lock_timeout=900"}
READ_ONLY = "25006"  # SQLSTATE
# How drivers say that the database cannot do it now, whatever it is. InternalError: it only reads, or is broken.
UNABLE = (OperationalError, InterfaceError, InternalError, PoolTimeout)

T = TypeVar("T")


class DatabaseDown(SQLAlchemyError):
    """The database refuses, or does not answer in time."""


def make_engine(url: str, *, pool_size: int = 8, alone: bool = False) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://…` (psycopg 3). What the URL says goes before what we think.

    `alone`: for single statements. Of four packets to PostgreSQL that leaves one: connections are neither asked whether
    they still work nor told to begin and to end a transaction.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(str(url))
    if parsed.get_driver_name() != "psycopg":
        parsed = parsed.set(drivername="postgresql+psycopg")
    options = POSTGRESQL | (SOON if alone else {})
    engine = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        connect_args={name: value for name, value in options.items() if name not in parsed.query},
        **({"isolation_level": "AUTOCOMMIT"} if alone else {"pool_pre_ping": True}),
    )

    @event.listens_for(engine, "handle_error")
    def _leave_a_standby(context: ExceptionContext) -> None:
        # It works as well as ever, so nothing else would end it; new connections find the primary, or one that is one again.
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
            context.is_disconnect = True

    return engine


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, pool_size=16, max_overflow=16, pool_timeout=BUSY_SECONDS)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        for pragma in (
            f"busy_timeout={BUSY_SECONDS * 1000}",  # first: the others may meet somebody's lock already
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-512",  # KiB for each connection, of which there are many: the system keeps the file in memory, too
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get(ALONE):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")

    return engine


class Database:
    """Where sessions come from: `read()` for looking, `write()` for the one transaction of a step."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.engine = make_engine(url)
        self._writer = self.engine.execution_options(write=True)
        here, answered = lambda: self.engine, Event()
        self._reads = _Prompt(here, PROMPT_POOL, PROMPT_SECONDS, answered, monotonic)
        self._writes = _Prompt(here, PROMPT_WRITERS, WRITE_SECONDS, answered, monotonic)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that is rolled back at the end."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends well and rolls back when it does not."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def ask(self, question: Callable[[Connection], T]) -> T:
        """A short read for the hot path, of one statement. Raises DatabaseDown within `PROMPT_SECONDS`."""
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


class _Prompt:
    """Short questions of one kind. With a rest, threads and connections of its own: what befalls this kind befalls no other,
    and whatever else the process does, the gate does not queue behind it. `answered`: set once any kind was.
    """

    def __init__(
        self,
        usual: Callable[[], Engine],
        pool_size: int,
        patience: float,
        answered: Event,
        monotonic: Callable[[], float],
    ) -> None:
        self._usual = usual
        self._pool_size = pool_size
        self._patience = patience
        self._answered = answered
        self._monotonic = monotonic
        self._rest_until = 0.0
        self._late = 0  # in a row

    @property
    def is_resting(self) -> bool:
        return self._monotonic() < self._rest_until

    def ask(self, question: Callable[[Connection], T], late: Callable[[T], None] | None = None) -> T:
        if self.is_resting:
            raise DatabaseDown("it did not answer a moment ago")
        try:
            if self._usual().dialect.name == "sqlite":  # a file: nothing but its lock is waited for
                return self._answer(self._usual(), question)
            answer = self._answer_in_time(question, late)
        except (Slow, *UNABLE) as error:
            is_late = isinstance(error, Slow | PoolTimeout) and self._answered.is_set()
            self._late = self._late + 1 if is_late else MOST_LATE
            if self._late < MOST_LATE:
                log.warning("the database was late with an answer")
            else:
                self._rest_until = self._monotonic() + REST_SECONDS
                log.warning(
                    "the database is left alone for %s s: %s",
                    REST_SECONDS,
                    getattr(error, "orig", None) or type(error).__name__,
                )
            raise DatabaseDown(f"no answer: {type(error).__name__}") from error
        self._answered.set()
        self._late = 0
        return answer

    def _answer_in_time(self, question: Callable[[Connection], T], late: Callable[[T], None] | None) -> T:
        asked = self.threads.submit(self._answer, self._engine, question)
        try:
            return asked.result(self._patience if self._answered.is_set() else FIRST_SECONDS)
        except Slow:
            # What no thread has begun with is withdrawn: nobody would hear its answer.
            if not asked.cancel() and late is not None:
                asked.add_done_callback(partial(_hand_over, late))
            raise

    def _answer(self, engine: Engine, question: Callable[[Connection], T]) -> T:
        try:
            return self._answer_once(engine, question)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The server was started anew, or is no primary any more: SQLAlchemy has let go of all its connections.
            return self._answer_once(engine, question)

    def _answer_once(self, engine: Engine, question: Callable[[Connection], T]) -> T:
        with engine.connect() as connection:
            return question(connection.execution_options(**{ALONE: True}))

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        """Nothing in the driver gives up on a silent server in less than two seconds; waiting for a thread does."""
        return ThreadPoolExecutor(2 * self._pool_size, thread_name_prefix="prompt")

    @cached_property
    def _engine(self) -> Engine:
        url = self._usual().url.render_as_string(hide_password=False)
        engine = make_engine(url, pool_size=self._pool_size, alone=True)
        event.listen(self._usual(), "engine_disposed", lambda _: engine.dispose())
        return engine


def _hand_over(late: Callable[[T], None], asked: Future[T]) -> None:
    if asked.exception() is None:
        late(asked.result())
