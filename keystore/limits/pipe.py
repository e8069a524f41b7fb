"""One connection to a Redis for the questions of those who go on without waiting: what it says is handed out by a thread of its own.

Who waits is better off with a connection for each question: keystore/limits/wire.py, docs/decisions/0016 and 0021.
"""

import logging
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Protocol

from redis import ConnectionPool, SSLConnection
from redis.exceptions import (
    ConnectionError,  # noqa: A004
    InvalidResponse,
    RedisError,
)

from keystore.limits.wire import AWAY, MORE, connect, let_the_kernel_wait, patience_of, reader_of

PAUSE_SECONDS = 1.0  # between two tries to connect
PIECE = 65_536  # bytes read at once: the answers of a hundred questions

Then = Callable[[Any], object]

log = logging.getLogger(__name__)


class Prepared(Protocol):
    """A command that is asked again and again."""

    def ask(self) -> Any:
        """Wait for its answer. Raises RedisError or OSError."""

    def later(self, then: Then, /) -> bool:
        """Do not: see Pipe."""


class Pipe:
    """Thread-safe. Nothing is sent twice: a counter would charge twice."""

    def __init__(self, pool: ConnectionPool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pool = pool
        # Python's TLS must not be read and written at once. And it is Linux that waits for us.
        self._is_possible = not issubclass(pool.connection_class, SSLConnection) and sys.platform == "linux"
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
        self._lock = Lock()  # held while something is sent: the order of questions is that of the answers
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._is_asleep = False  # the thread is, until somebody rings
        Thread(target=self._run, args=(pool,), name="redis-pipe", daemon=True).start()

    def send(self, command: bytes, then: Then) -> bool:
        """See Pipe."""
        with self._lock:
            if self.is_over or self._socket is None or (self._is_asleep and not self._wake(self._socket)):
                return False
            self._waiting.append((self._clock(), then))  # before it is sent: the answer may be there before we are back
            try:
                whole = self._socket.send(command, socket.MSG_DONTWAIT) == len(command)
            except OSError:  # no room among them: a store that reads nothing
                whole = False
            if not whole:
                self._hang_up(self._socket)  # and all that wait are told
        return True

    def close(self) -> None:
        """Ask nothing more; end when all is answered."""
        with self._lock:
            self.is_over, self._is_asleep = True, False
            self._bell.put(None)

    def _wake(self, connected: socket.socket) -> bool:
        self._is_asleep = False
        self._bell.put(None)
        if is_gone(connected):
            self._hang_up(connected)
        return not self.is_over

    def _hang_up(self, connected: socket.socket) -> None:
        self.is_over = True
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

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
        let_the_kernel_wait(connected)
        reader, patience = reader_of(connection), patience_of(connection)
        self._socket = connected
        while not self.is_over or self._waiting:
            try:
                piece = connected.recv(PIECE)
            except (BlockingIOError, TimeoutError):  # as the kernel calls it, and as Python does
                self._be_silent(connected, patience)
                continue
            if not piece:
                raise ConnectionError("Redis closed the connection")
            reader.feed(piece)
            self._hand_out(reader, patience)

    def _be_silent(self, connected: socket.socket, patience: float) -> None:
        """Nothing came for as long as an answer may take: sleep where none is waited for. Who asked only just has time left."""
        with self._lock:
            self._is_asleep = not self._waiting and not self.is_over
        if self._is_asleep:
            self._bell.get()
        elif self._waiting:
            soon = select.poll()
            soon.register(connected, select.POLLIN)
            if not soon.poll(max(0.0, self._waiting[0][0] + patience - self._clock()) * 1000):
                raise TimeoutError("Redis did not answer in time")

    def _hand_out(self, reader: Any, patience: float) -> None:
        before = len(self._waiting)
        while (answer := reader.gets()) is not MORE:
            if not self._waiting:
                raise InvalidResponse("Redis gave more than one answer")
            if isinstance(answer, AWAY):
                raise answer  # to all who wait
            _, then = self._waiting.popleft()
            _tell(then, answer)
        if before == len(self._waiting) and before and self._clock() - self._waiting[0][0] > patience:
            raise TimeoutError("Redis did not answer in time")  # each piece came in time, all of them together do not


def is_gone(connected: socket.socket) -> bool:
    """Whether an idle connection was closed since. Looked at before and not found out by trying: what was sent may have been done."""
    try:
        connected.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
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
