"""Short questions to the database, with an answer or a refusal in time."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Slow
from functools import cached_property, partial
from threading import Event
from typing import TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db.engines import ALONE, make_engine

log = logging.getLogger(__name__)

FIRST_SECONDS = 3.0  # before anything was answered, when connections have to be made: a cold start is no outage
MOST_LATE = 3  # answers in a row: one of very many may be late on a database that is well
REST_SECONDS = 0.5  # how long it asks no more after that, or when refused; a probe each time this is over
# How drivers say that the database cannot do it now, whatever it is. InternalError: it only reads, or is broken.
UNABLE = (OperationalError, InterfaceError, InternalError, PoolTimeout)

T = TypeVar("T")


class DatabaseDown(SQLAlchemyError):
    """The database refuses, or does not answer in time."""


class Prompt:
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
        """Whether a question has just failed."""
        return self._monotonic() < self._rest_until

    def ask(self, question: Callable[[Connection], T], late: Callable[[T], None] | None = None) -> T:
        """The answer. Raises DatabaseDown in time; `late` gets what comes after that."""
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
        wanted = [question]
        try:
            asked = self.threads.submit(lambda: self._answer(self._engine, wanted.pop()))
        except RuntimeError as error:  # no thread to be had; but one that comes free would take it up
            wanted.clear()
            raise Slow from error
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
