"""How many requests may be at the database at once. One that hangs must not take the threads that the gate needs.

A server whose kernel answers for it is given up by nothing in the driver, and no request can be taken off its thread. So a
few threads are never let in: they say no to whoever comes next, and decide on the keys that are known.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, local

from app import audit
from app.db import PROMPT_SECONDS, DatabaseDown

SPARE = 2  # threads of a process

log = logging.getLogger(__name__)


class Turns:
    """One per process. Thread-safe. For requests only: whoever works in the background holds up nobody."""

    def __init__(self, threads: int) -> None:
        self._free = BoundedSemaphore(max(1, threads - SPARE))
        self._here = local()  # `taken`: by this thread
        self._is_stuck = False  # somebody waited in vain, and nobody was served since

    @contextmanager
    def turn(self) -> Iterator[None]:
        """For a session, and those inside it. Raises DatabaseDown where none comes free in time; at once where others waited already."""
        if audit.request_id.get() is None or getattr(self._here, "taken", False):
            yield
            return
        self._wait()
        self._here.taken = True
        try:
            yield
            self._is_stuck = False
        finally:
            self._here.taken = False
            self._free.release()

    def _wait(self) -> None:
        was_stuck = self._is_stuck
        if self._free.acquire(timeout=0 if was_stuck else PROMPT_SECONDS):
            return
        self._is_stuck = True
        if not was_stuck:
            log.warning("requests wait for the database: more than so many are answered 503")
        raise DatabaseDown("too many wait for it")
