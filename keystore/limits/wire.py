"""One connection to Redis per process, shared by its threads.

Whoever finds it idle sends what everybody is waiting to ask, in one packet, and hands out the answers; meanwhile the next
packet gathers. The more threads ask at once, the less each question costs, here and in Redis.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from hiredis import pack_command
from redis import ConnectionPool
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

IDLE_SECONDS = 1.0  # a connection used since is believed to be there: asking costs as much as a question


class Question:
    """One packed command, and its answer when it is there."""

    __slots__ = ("answer", "failure", "leads", "packed", "turn")

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.answer: Any = None
        self.failure: Exception | None = None
        self.leads = False
        self.turn = (
            Lock()
        )  # where somebody else asks: held until there is an answer, or it is this thread's turn to ask for all


class Wire:
    """Thread-safe. Nothing is sent twice: a counter would charge twice."""

    def __init__(self, pool: ConnectionPool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used = 0.0
        self._pool: Any = pool  # redis-py's connections are only half typed
        self._connection: Any = None
        self._lock = Lock()
        self._waiting: list[Question] = []
        self._busy = False

    def ask(self, *command: str | int | bytes) -> Any:
        """The answer of Redis. Raises RedisError or OSError."""
        question = Question(pack_command(command))  # type: ignore[arg-type]  # its stub allows one item
        with self._lock:
            self._waiting.append(question)
            question.leads, self._busy = not self._busy, True
            if not question.leads:
                question.turn.acquire()
        if not question.leads:
            question.turn.acquire()
        if question.leads:
            self._ask_for_all()
        if question.failure is not None:
            raise question.failure
        return question.answer

    def close(self) -> None:
        """Let go of the connection; the next question makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def _ask_for_all(self) -> None:
        with self._lock:
            questions, self._waiting = self._waiting, []
        try:
            self._exchange(questions)
        except Exception as error:  # noqa: BLE001 (each thread raises it for itself)
            with self._lock:  # who queued behind a store that hangs has waited as long already
                questions, self._waiting = [*questions, *self._waiting], []
            for question in questions:
                question.failure = question.failure or error
        self._hand_over(questions)

    def _hand_over(self, answered: list[Question]) -> None:
        """The first who still waits asks next: nobody serves the others for ever."""
        with self._lock:
            self._busy = bool(self._waiting)
            if self._busy:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()
        for question in answered:
            if not question.leads:
                question.turn.release()

    def _exchange(self, questions: list[Question]) -> None:
        connection, self._connection = self._connection, None
        now = self._clock()
        if connection is None or (now - self._used > IDLE_SECONDS and _is_gone(connection)):
            # Not by the pool itself: it counts the connections that it made, never those that ended, and stops at a hundred.
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            connection.connect()  # not left to the first command: only so do sentinels get asked for the master
        self._used = now
        connection.send_packed_command([b"".join([question.packed for question in questions])], check_health=False)
        demoted = False
        for question in questions:
            try:
                question.answer = connection.read_response()
            except ResponseError as refusal:  # an answer, too, and to this question only
                question.failure = refusal
                demoted = demoted or isinstance(refusal, ReadOnlyError)
        if demoted:  # it was the master once: the same address may lead to the next one
            connection.disconnect()
        else:
            self._connection = connection


def _is_gone(connection: Any) -> bool:
    """Whether a kept connection was closed since. Asked before and not found out by trying: what was sent may have been done."""
    try:
        gone = connection.can_read()
    except (RedisError, OSError):
        gone = True
    if gone:
        connection.disconnect()
    return bool(gone)
