"""How many requests may be at the database at once. One that hangs must not take the threads that the gate needs.

A server whose kernel answers for it is given up by nothing in the driver, and no request can be taken off its thread. So a
few threads are never let in: they say no to whoever comes next, and decide on the keys that are known.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, local
from time import monotonic

from app import audit
from app.db import DatabaseDown

SPARE = 2  # threads of a process
STUCK_SECONDS = 1.0  # in which nobody came or was served: then it does not answer; busy it would
LONGEST_SECONDS = 5.0  # that one waits for a database that is busy

log = logging.getLogger(__name__)


class Turns:
    """One per process. Thread-safe. For requests only: whoever works in the background holds up nobody."""

    def __init__(self, threads: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._free = BoundedSemaphore(max(1, threads - SPARE))
        self._here = local()  # `taken`: by this thread
        self._clock = clock
        self._moved = clock()  # when somebody last came or was served
        self._is_stuck = False  # somebody was refused, and nobody served since

    @contextmanager
    def turn(self) -> Iterator[None]:
        """For a session, and those inside it. Raises DatabaseDown where none comes free: at once where it is stuck already."""
        if audit.request_id.get() is None or getattr(self._here, "taken", False):
            yield
            return
        self._wait()
        self._here.taken = True
        if not self._is_stuck:
            self._moved = self._clock()
        try:
            yield
            # Only here: who fails shows nothing, for connections to a database that hangs are given up every few seconds.
            self._moved, self._is_stuck = self._clock(), False
        finally:
            self._here.taken = False
            self._free.release()

    def _wait(self) -> None:
        at_last = self._clock() + LONGEST_SECONDS
        while not self._free.acquire(timeout=max(0.0, self._patience(at_last))):
            if self._patience(at_last) <= 0:
                if not self._is_stuck:
                    self._is_stuck = True
                    log.warning("the database holds up requests: those that come on top are answered 503")
                raise DatabaseDown("too many wait for it")

    def _patience(self, at_last: float) -> float:
        """Seconds until somebody has to come or go."""
        return min(self._moved + STUCK_SECONDS, at_last) - self._clock()
