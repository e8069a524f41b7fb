"""How many requests may be at the database at once. One that hangs must not take the threads that the gate needs.

A server whose kernel answers for it is given up by nothing in the driver, and no request can be taken off its thread. So two
threads of a process are never let in. One of them may wait for its turn, as long as a busy database needs; the other one says
no to whoever comes next, and decides on the keys that are known.
"""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

from app import audit
from app.db import DatabaseDown

SPARE = 2  # threads of a process
SHORT_SECONDS = 0.25  # that either of them waits
LONG_SECONDS = 5.0  # that one of them waits

log = logging.getLogger(__name__)


class Turns:
    """One per process. Thread-safe. For requests only: whoever works in the background holds up nobody."""

    def __init__(self, threads: int) -> None:
        self._free = Places(max(1, threads - SPARE))
        self._bench = Lock()  # of the one that waits long
        self._here = local()  # `taken`: by this thread
        self._is_stuck = False  # somebody was refused, and nobody served since

    @contextmanager
    def turn(self) -> Iterator[None]:
        """For a session, and those inside it. Raises DatabaseDown where none comes free: at once where others were refused already."""
        if audit.request_id.get() is None or getattr(self._here, "taken", False):
            yield
            return
        if not self._wait():
            if not self._is_stuck:
                log.warning("the database holds up requests: those that come on top are answered 503")
            self._is_stuck = True
            raise DatabaseDown("too many wait for it")
        self._here.taken = True
        try:
            yield
            # Only here: who fails shows nothing, for connections to a database that hangs are given up every few seconds.
            self._is_stuck = False
        finally:
            self._here.taken = False
            self._free.give_back()

    def _wait(self) -> bool:
        if not self._bench.acquire(blocking=False):
            return self._free.take(timeout=0 if self._is_stuck else SHORT_SECONDS)
        try:
            return self._free.take(timeout=LONG_SECONDS)
        finally:
            self._bench.release()


class Places:
    """A fair semaphore. From threading's, whoever gave a place back may have it again before those that wait are awake."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._lock = Lock()
        self._waiting: deque[Lock] = deque()

    def take(self, *, timeout: float) -> bool:
        """Whether there was one within so many seconds."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            called = Lock()
            called.acquire()
            self._waiting.append(called)
        if called.acquire(timeout=timeout):
            return True
        with self._lock:
            if called not in self._waiting:  # handed over in the last moment
                return True
            self._waiting.remove(called)
        return False

    def give_back(self) -> None:
        """To whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
