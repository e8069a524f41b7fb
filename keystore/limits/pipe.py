"""One connection to a Redis for the questions of those who go on without waiting: what it says is handed out by a thread of its own.

Who waits is better off with a connection for each question: keystore/limits/wire.py, docs/decisions/0016 and 0021.
"""

import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple

from redis import ConnectionPool, SSLConnection
from redis.exceptions import (
    ConnectionError,  # noqa: A004
    InvalidResponse,
    RedisError,
)

from keystore.limits.wire import AWAY, IDLE_SECONDS, MORE, connect, patience_of, reader_of

PAUSE_SECONDS = 1.0  # between two tries to connect
PIECE = 65_536  # bytes read at once: the answers of a hundred questions

Then = Callable[[Any], object]

log = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """A command that is asked again and again: `ask` waits for its answer, `later` does not (see Pipe)."""

    ask: Callable[[], Any]
    later: Callable[[Then], bool]


class Pipe:
    """Thread-safe. Nothing is sent twice: a counter would charge twice."""

    def __init__(self, pool: ConnectionPool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pool = pool
        # Python's TLS must not be read and written at once; and not everywhere is there a poll().
        self._is_possible = not issubclass(pool.connection_class, SSLConnection) and hasattr(select, "poll")
        self._opening = Lock()
        self._stream: _Stream | None = None
        self._opened = -inf

    def send(self, command: bytes, then: Then) -> bool:
        """Ask; False where that is not possible now, and nothing was sent. A connection is made in the background.

        `then` hears the answer, or the RedisError or OSError that came in its place. It is called once, by the thread that hands out
        all other answers, too: it must not wait for anything.
        """
        stream = self._stream
        if stream is None or stream.is_over:
            self._open()
            return False
        return stream.send(command, then)

    def close(self) -> None:
        """For good. Questions under way still get their answers."""
        with self._opening:
            self._is_possible = False
            if self._stream is not None:
                self._stream.close()

    def _open(self) -> None:
        """Begin to, unless it was tried just now: who asks in another way meanwhile may learn what is wrong."""
        with self._opening:
            now = self._clock()
            needed = self._stream is None or self._stream.is_over
            if not self._is_possible or not needed or now - self._opened < PAUSE_SECONDS:
                return
            self._opened = now
            with suppress(RuntimeError):  # there is no thread for it
                self._stream = _Stream(self._pool, self._clock)


class _Stream:
    """A connection with the questions that were sent on it, in their order. Its thread makes it, hears the answers, and closes it."""

    def __init__(self, pool: ConnectionPool, clock: Callable[[], float]) -> None:
        self.is_over = False
        self._clock = clock
        self._socket: socket.socket | None = None  # until it is connected
        self._waiting: deque[tuple[float, Then]] = deque()  # when each was asked, and who is to hear its answer
        self._used = 0.0
        self._lock = Lock()  # held while something is sent: the order of questions is that of the answers
        self._bell: SimpleQueue[None] = SimpleQueue()  # rung for the first question after a silence
        Thread(target=self._run, args=(pool,), name="redis-pipe", daemon=True).start()

    def send(self, command: bytes, then: Then) -> bool:
        """See Pipe."""
        with self._lock:
            now = self._clock()
            if self._socket is None or self.is_over:
                return False
            if not self._waiting and now - self._used >= IDLE_SECONDS and is_gone(self._socket):
                self._hang_up(self._socket)
                return False
            self._used = now
            self._waiting.append((now, then))  # before it is sent: the answer may be there before we are back
            is_first = len(self._waiting) <= 1
            try:
                whole = self._socket.send(command) == len(command)
            except OSError:  # no room among them: a store that reads nothing
                whole = False
            if not whole:
                self._hang_up(self._socket)  # and all that wait are told
        if is_first:
            self._bell.put(None)
        return True

    def close(self) -> None:
        """Ask nothing more; end when all is answered."""
        with self._lock:
            self.is_over = True
        self._bell.put(None)

    def _hang_up(self, connected: socket.socket) -> None:
        self.is_over = True
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)
        self._bell.put(None)

    def _run(self, pool: ConnectionPool) -> None:
        error: Exception = ConnectionError("the connection was let go")
        try:
            connection = connect(pool)
            try:
                self._serve(connection)
            finally:
                connection.disconnect()
        except (RedisError, OSError) as failure:
            error = failure
        finally:
            with self._lock:
                self.is_over = True
                left = [then for _, then in self._waiting]
                self._waiting.clear()
            for then in left:
                _tell(then, error)

    def _serve(self, connection: Any) -> None:
        connected: socket.socket = connection._sock  # noqa: SLF001 (see wire.py)
        connected.setblocking(False)
        self._readable = select.poll()
        self._readable.register(connected, select.POLLIN)
        self._patience, self._reader = patience_of(connection), reader_of(connection)
        self._used = self._clock()
        self._socket = connected
        while not self.is_over or self._waiting:
            self._bell.get()
            while self._waiting:
                self._hear(connected)

    def _hear(self, connected: socket.socket) -> None:
        """Wait for answers, no longer than the question that was asked first may wait, and hand out what came."""
        seconds = self._waiting[0][0] + self._patience - self._clock()
        if not self._readable.poll(max(0.0, seconds) * 1000):  # looked at in any case: it may be us who are late
            raise TimeoutError("Redis did not answer in time")
        piece = connected.recv(PIECE)
        if not piece:
            raise ConnectionError("Redis closed the connection")
        self._reader.feed(piece)
        while (answer := self._reader.gets()) is not MORE:
            if not self._waiting:
                raise InvalidResponse("Redis gave more than one answer")
            _, then = self._waiting.popleft()
            _tell(then, answer)
            if isinstance(answer, AWAY):
                raise answer


def is_gone(connected: socket.socket) -> bool:
    """Whether an idle connection was closed since. Looked at before and not found out by trying: what was sent may have been done."""
    try:
        connected.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True  # the end, or an answer that nobody asked for


def _tell(then: Then, answer: Any) -> None:
    try:
        then(answer)
    except Exception:  # one of many: the others are still to hear theirs
        log.exception("what Redis answered was not used")
