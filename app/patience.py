"""How long requests wait for providers. A rail that hangs must not take the threads that the gate needs.

What a request asks for goes on behind its answer when that takes too long. After such a wait nobody waits for that rail
for a few seconds: the work stays due, and the worker does it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as Slow
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")

REST_SECONDS = 5.0  # after a wait that was too long
SLOTS = 4  # requests that may open a checkout at one rail at the same time: half of a worker's threads
SLOT_SECONDS = 2.0


class ImpatientError(Exception):
    """No answer within the time, or not worth waiting for one now. What was begun goes on."""


class Patience:
    """One for each process; thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="inline")
        self._running: set[Future[Any]] = set()
        self._resting: dict[str, float] = {}  # rail -> until when nobody waits for it
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()

    def run(self, rail: str, work: Callable[..., T], *args: Any, seconds: float) -> T:
        """The result of `work(*args)`, if it comes in time. Raises ImpatientError, or what the work raises."""
        if self._monotonic() < self._resting.get(rail, 0):
            raise ImpatientError(rail)
        future = self._pool.submit(copy_context().run, work, *args)  # the request id goes along
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        try:
            return future.result(timeout=seconds)
        except Slow as error:
            self._resting[rail] = self._monotonic() + REST_SECONDS
            raise ImpatientError(rail) from error

    @contextmanager
    def slot(self, rail: str) -> Iterator[None]:
        """One of the places for requests that have to wait for the rail themselves. Raises ImpatientError."""
        with self._lock:
            slots = self._slots.setdefault(rail, threading.BoundedSemaphore(SLOTS))
        if not slots.acquire(timeout=SLOT_SECONDS):
            raise ImpatientError(rail)
        try:
            yield
        finally:
            slots.release()

    def drain(self, *, seconds: float) -> None:
        """Wait for what goes on behind answers already given, at most so long."""
        wait(set(self._running), timeout=seconds)
