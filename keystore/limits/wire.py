"""Connections to one Redis, each in the hands of one thread for as long as a question and its answer take.

Questions of several threads in one packet were tried. Redis has less to do then, but a thread that waits for another one's
packet is woken twice, and that cost this process more than a packet for each: docs/decisions/0016.
"""

import time
from collections.abc import Callable
from typing import Any

from hiredis import pack_command
from redis import ConnectionPool
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

IDLE_SECONDS = 1.0  # a connection used since is believed to be there: asking costs as much as a question


class Wire:
    """Thread-safe. Nothing is sent twice: a counter would charge twice."""

    def __init__(self, pool: ConnectionPool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pool: Any = pool  # redis-py's connections are only half typed
        self._idle: list[tuple[Any, float]] = []  # and when each was last used; the last one is taken first

    def ask(self, *command: str | int | bytes) -> Any:
        """The answer of Redis. Raises RedisError or OSError."""
        packed = pack_command(command)  # type: ignore[arg-type]  # its stub allows one item
        now = self._clock()
        connection = self._take(now)
        try:
            connection.send_packed_command([packed], check_health=False)
            answer = connection.read_response()
        except (RedisError, OSError) as error:
            if isinstance(error, ResponseError) and not isinstance(error, ReadOnlyError):  # an answer, too
                self._idle.append((connection, now))
            else:  # the others lead to the same place: it hangs, is gone, or is the master no longer
                connection.disconnect()
                self.close()
            raise
        self._idle.append((connection, now))
        return answer

    def close(self) -> None:
        """Let go of every connection that nobody uses; the next question makes another."""
        while (kept := self._pop()) is not None:
            kept[0].disconnect()

    def _take(self, now: float) -> Any:
        while (kept := self._pop()) is not None:
            connection, used = kept
            if now - used < IDLE_SECONDS or not _is_gone(connection):
                return connection
        # Not by the pool itself: it counts the connections that it made, never those that ended, and stops at a hundred.
        connection = self._pool.connection_class(**self._pool.connection_kwargs)
        connection.connect()  # not left to the first command: only so do sentinels get asked for the master
        return connection

    def _pop(self) -> tuple[Any, float] | None:
        try:
            return self._idle.pop()
        except IndexError:  # between a look and a pop another thread may take the last one
            return None


def _is_gone(connection: Any) -> bool:
    """Whether a kept connection was closed since. Asked before and not found out by trying: what was sent may have been done."""
    try:
        gone = connection.can_read()
    except (RedisError, OSError):
        gone = True
    if gone:
        connection.disconnect()
    return bool(gone)
