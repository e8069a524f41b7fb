"""One connection to a Redis for the questions of those who go on without waiting: what it says is handed out by a thread of its own.

Who waits is better off with a connection for each question: keystore/limits/wire.py, docs/decisions/0016 and 0021.
"""

import logging
import select
import socket
import time
from collections import deque
from collections.abc import Callable
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

    def send(self, command: bytes, then: Then) -> bool:
        """Ask; False where that is not possible now, and nothing was sent.

        `then` hears the answer, or the RedisError or OSError that came in its place. It is called once, by the thread that hands out
        all other answers, too: it must not wait for anything.
        """
        stream = self._stream
        if stream is None or stream.is_over:
            stream = self._open()
        return stream is not None and stream.send(command, then)

    def close(self) -> None:
        """Hang up. Questions under way are told; the next one makes another connection."""
        if self._stream is not None:
            self._stream.close()

    def _open(self) -> "_Stream | None":
        """None where it cannot be had, and for whoever comes while somebody tries: those ask in another way, and learn why."""
        if not self._is_possible or not self._opening.acquire(blocking=False):
            return None
        try:
            stream = self._stream = _Stream(connect(self._pool), self._clock)
        except (RedisError, OSError, RuntimeError):  # the last: there is no thread for it
            return None
        finally:
            self._opening.release()
        return stream


class _Stream:
    """A connection with the questions that were sent on it, in their order."""

    def __init__(self, connection: Any, clock: Callable[[], float]) -> None:
        self.is_over = False
        self._clock = clock
        self._connection = connection
        self._patience = patience_of(connection)
        self._socket: socket.socket = connection._sock  # noqa: SLF001 (see wire.py)
        self._socket.setblocking(False)
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._reader = reader_of(connection)
        self._waiting: deque[tuple[float, Then]] = deque()  # when each was asked, and who is to hear its answer
        self._used = clock()
        self._lock = Lock()  # held while something is sent: the order of questions is that of the answers
        self._bell: SimpleQueue[None] = SimpleQueue()  # rung for the first question after a silence
        Thread(target=self._run, name="redis-pipe", daemon=True).start()

    def send(self, command: bytes, then: Then) -> bool:
        """See Pipe."""
        now = self._clock()
        with self._lock:
            if self.is_over or (now - self._used >= IDLE_SECONDS and not self._waiting and self._is_gone()):
                return False
            self._used = now
            self._waiting.append((now, then))  # before it is sent: the answer may be there before we are back
            if not self._sent(command):
                self._waiting.pop()
                return False
            is_first = len(self._waiting) <= 1
        if is_first:
            self._bell.put(None)
        return True

    def close(self) -> None:
        """Let the reader end."""
        with self._lock:
            self._hang_up()

    def _sent(self, command: bytes) -> bool:
        """What was not sent as a whole was not done."""
        try:
            whole = self._socket.send(command) == len(command)
        except OSError:  # no room among them: a store that reads nothing
            whole = False
        if not whole:
            self._hang_up()
        return whole

    def _is_gone(self) -> bool:
        """Whether it was closed since. Looked at before and not found out by trying: what was sent may have been done."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        self._hang_up()  # also where there is an answer that nobody asked for
        return True

    def _hang_up(self) -> None:
        """The reader hears of it, and closes."""
        self.is_over = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("the connection was gone already")
        self._bell.put(None)

    def _run(self) -> None:
        error: Exception = ConnectionError("the connection was let go")
        try:
            while not self.is_over or self._waiting:
                self._bell.get()
                while self._waiting:
                    self._hear()
        except (RedisError, OSError) as failure:
            error = failure
        finally:
            with self._lock:
                self.is_over = True
                left = [then for _, then in self._waiting]
                self._waiting.clear()
            self._connection.disconnect()
            for then in left:
                _tell(then, error)

    def _hear(self) -> None:
        """Wait for answers, no longer than the question that was asked first may wait, and hand out what came."""
        seconds = self._waiting[0][0] + self._patience - self._clock()
        if not self._readable.poll(max(0.0, seconds) * 1000):  # looked at in any case: it may be us who are late
            raise TimeoutError("Redis did not answer in time")
        piece = self._socket.recv(PIECE)
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


def _tell(then: Then, answer: Any) -> None:
    try:
        then(answer)
    except Exception:  # one of many: the others are still to hear theirs
        log.exception("what Redis answered was not used")
