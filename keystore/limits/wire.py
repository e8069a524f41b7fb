"""Connections to one Redis, each in the hands of one thread for as long as a question and its answer take.

Questions of several threads in one packet were tried. Redis has less to do then, but a thread that waits for another one's
packet is woken twice, and that cost this process more than a packet for each: docs/decisions/0016.
"""

import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

from hiredis import Reader, pack_command
from redis import ConnectionPool
from redis.exceptions import (
    ConnectionError,  # noqa: A004
    InvalidResponse,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

IDLE_SECONDS = 1.0  # a connection used since is believed to be there: asking costs as much as a question
MORE = object()  # an answer that is not all there
PIECE = 4096  # bytes read at once; an answer has a hundred
# Answers of a store that is none now: loading, full, locked, the master no longer.
AWAY = (ConnectionError, ReadOnlyError)


def packed(command: tuple[str | int | bytes, ...]) -> bytes:
    """As it goes over the wire."""
    return bytes(pack_command(command))  # type: ignore[arg-type]  # its stub allows one item


class Wire:
    """Thread-safe. Nothing is sent twice: a counter would charge twice."""

    def __init__(self, pool: ConnectionPool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pool = pool
        self._idle: list[_Line] = []  # the last one is taken first

    def ask(self, *command: str | int | bytes) -> Any:
        """The answer of Redis. Raises RedisError or OSError."""
        return self.send(packed(command))

    def send(self, command: bytes) -> Any:
        """The same for a command that was packed before."""
        now = self._clock()
        line = self._take(now)
        try:
            answer = line.ask(command, now)
        except (RedisError, OSError):
            self._lost(line)
            raise
        if isinstance(answer, AWAY):
            self._lost(line)
            raise answer
        line.used = now
        self._idle.append(line)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def close(self) -> None:
        """Let go of every connection that nobody uses; the next question makes another."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _lost(self, line: "_Line") -> None:
        """The other connections lead to the same place."""
        line.close()
        self.close()

    def _take(self, now: float) -> "_Line":
        try:
            while True:
                line = self._idle.pop()  # tried, not looked for first: another thread may take the last one in between
                if now - line.used < IDLE_SECONDS or not line.is_gone():
                    return line
        except IndexError:
            return self._connect()

    def _connect(self) -> "_Line":
        return _Line(connect(self._pool), self._clock)


def connect(pool: ConnectionPool) -> Any:
    """A connection of redis-py's own kind, made now: left to the first command, sentinels would not be asked for the master.

    Not by the pool itself: it counts the connections that it made, never those that ended, and stops at a hundred. Raises RedisError
    or OSError.
    """
    connection: Any = pool.connection_class(**pool.connection_kwargs)
    connection.connect()
    return connection


def patience_of(connection: Any) -> float:
    """Seconds that an answer may take."""
    return float(connection.socket_timeout or inf)


def reader_of(connection: Any) -> Reader:
    """What makes answers out of bytes; MORE where they are not all there."""
    parse_error = connection._parser.parse_error  # noqa: SLF001 (there is no other name for it: which error is which class)
    return Reader(protocolError=InvalidResponse, replyError=parse_error, notEnoughData=MORE)


class _Line:
    """A connection that redis-py opened: it knows logins, TLS and sentinels. Spoken on without it, which takes a quarter less
    processor time: docs/decisions/0017.
    """

    def __init__(self, connection: Any, clock: Callable[[], float]) -> None:
        self.used = 0.0
        self._clock = clock
        self._patience = patience_of(connection)
        self._connection = connection
        self._socket = connection._sock  # noqa: SLF001 (there is no other name for it)
        let_the_kernel_wait(self._socket)
        self._reader = reader_of(connection)

    def ask(self, command: bytes, now: float) -> Any:
        """The answer; a refusal is one, too. Raises OSError, ConnectionError, InvalidResponse."""
        try:
            self._socket.sendall(command)
            self._receive()
            while (answer := self._reader.gets()) is MORE:
                self._receive_more(now)
        except (BlockingIOError, TimeoutError):  # as the kernel calls it, and as Python does
            raise TimeoutError("Redis did not answer in time") from None
        if self._reader.has_data():  # or the next question would get this one's answer
            raise InvalidResponse("Redis gave more than one answer")
        return answer

    def _receive_more(self, asked: float) -> None:
        if self._clock() - asked > self._patience:  # each piece came in time, all of them together do not
            raise TimeoutError
        self._receive()

    def _receive(self) -> None:
        piece = self._socket.recv(PIECE)
        if not piece:
            raise ConnectionError("Redis closed the connection")
        self._reader.feed(piece)

    def is_gone(self) -> bool:
        """Whether it was closed since. Asked before and not found out by trying: what was sent may have been done."""
        try:
            gone = bool(self._connection.can_read())
        except (RedisError, OSError):
            gone = True
        if gone:
            self.close()
        return gone

    def close(self) -> None:
        """Hang up."""
        self._connection.disconnect()


def let_the_kernel_wait(connected: socket.socket) -> None:
    """Give its time-out to the kernel: Python itself would ask, before each packet, whether it can be sent or read. Not under
    TLS, where a read that takes too long would be tried for ever, and not with a socket that waits in its own way: gevent puts its
    class in the place of Python's.
    """
    seconds = connected.gettimeout()
    if sys.platform != "linux" or type(connected).__module__ != socket.__name__ or not seconds:
        return
    interval = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))  # a struct timeval
    with suppress(OSError):  # one of another shape: Python goes on waiting
        for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connected.setsockopt(socket.SOL_SOCKET, direction, interval)
        connected.settimeout(None)
