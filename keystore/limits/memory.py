"""Limits counted inside one process: exact for all its threads, unknown to any other process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock

from keystore.limits.contract import NO_BLOCK, Block, Heard, Held, Question, affords, check_cost, full, is_newer, judged
from keystore.periods import Budget
from keystore.plans import Count, Rate

MOST_PUBLISHED = 10_000
KEPT_SECONDS = 86_400  # beyond the end of a quota's period: grace may follow
SWEEP_SECONDS = 3_600  # not with each window: of a second's, every turn would look at all quotas
Book = dict[str, int]  # entitlement -> used


_EPOCH = time.time() - time.monotonic()


def steady_time() -> float:
    """Seconds since 1970 as this process first believed them: windows turn with the wall clock's, but never jump with it."""
    return _EPOCH + time.monotonic()


class MemoryCounter:
    """Exact across the threads of one process.

    All windows of one length turn at the same moment, so the counts of a length are dropped together: memory is bounded by
    the entitlements active in the current window, and those that used a quota in a period not long over. `clock` gives
    seconds; the default never steps, so setting the machine's time neither locks anyone out nor opens a fresh window. Blocks
    of quotas are lost with the process.
    """

    confirms = False

    def __init__(self, clock: Callable[[], float] = steady_time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._windows: dict[int, tuple[int, Book]] = {}  # length -> start of its current window, and what is used in it
        self._published: dict[str, int] = {}  # entitlement -> the newest version that this process made
        # entitlement -> its period, what is here of that one's quota, and until when
        self._held: dict[str, tuple[str, Held, int]] = {}
        self._sweep_at = 0

    def count(
        self,
        entitlement: str,
        rates: tuple[Rate, ...],
        *,
        cost: int = 1,
        known: int = 0,
        budget: Budget | None = None,
        block: Block = NO_BLOCK,
    ) -> Count:
        """See Counter. Never raises CounterStoreDown."""
        check_cost(cost)
        return self._tally(entitlement, rates, cost, known, budget, block)

    def peek(
        self, entitlement: str, rates: tuple[Rate, ...], *, budget: Budget | None = None, block: Block = NO_BLOCK
    ) -> Count:
        """See Counter."""
        return self._tally(entitlement, rates, 0, 0, budget, block)

    def prepare(self, entitlement: str, rates: tuple[Rate, ...], *, known: int = 0) -> Question:
        """See Counter."""
        return _Plainest(self, entitlement, rates, known)

    def publish(self, entitlement: str, version: int) -> None:
        """Told with every count from now on. Other processes hear nothing: their caches live at most a second."""
        with self._lock:
            if len(self._published) >= MOST_PUBLISHED:
                self._published.clear()  # copies made before live for a second at most
            self._published[entitlement] = max(version, self._published.get(entitlement, 0))

    def ping(self) -> None:
        """Always there."""

    def _tally(
        self, entitlement: str, rates: tuple[Rate, ...], cost: int, known: int, budget: Budget | None, block: Block
    ) -> Count:
        heard = self._published.get(entitlement, 0)
        newer = is_newer(heard, known)
        with self._lock:
            held = self._put_in(entitlement, budget, block)
            now = int(self._clock())
            books = [self._book(rate.window, now) for rate in rates]
            used = [book.get(entitlement, 0) for book in books]
            # A limit lowered below what is used leaves 0.
            remaining = [max(0, rate.limit - n) for rate, n in zip(rates, used, strict=True)]
            refused = full(rates, remaining, max(cost, 1))
            charged = cost > 0 and not (newer or refused) and (budget is None or affords(budget, held, cost))
            if charged:
                remaining = [left - cost for left in remaining]
                for book, n in zip(books, used, strict=True):
                    book[entitlement] = n + cost
                held = replace(held, left=held.left - cost)
            if budget is not None:
                self._keep(entitlement, budget, held, now)
        states = chain.from_iterable(
            (left, rate.window - now % rate.window) for left, rate in zip(remaining, rates, strict=True)
        )
        if newer:
            return Count(False, rates, (*states,), heard=heard)
        count = Count(not refused, rates, (*states,), refused, heard=heard)
        return judged(count, budget, held, cost=max(cost, 1), charged=charged)

    def _put_in(self, entitlement: str, budget: Budget | None, block: Block) -> Held:
        period, held, _ = self._held.get(entitlement, ("", Held(), 0))
        return (held if budget and budget.period == period else Held()).plus(block)

    def _keep(self, entitlement: str, budget: Budget, held: Held, now: int) -> None:
        if now >= self._sweep_at:
            self._held = {name: kept for name, kept in self._held.items() if kept[2] > now}
            self._sweep_at = now + SWEEP_SECONDS
        self._held[entitlement] = (budget.period, held, now + budget.reset + KEPT_SECONDS)

    def _book(self, window: int, now: int) -> Book:
        start = now - now % window
        held = self._windows.get(window)
        if held is None or held[0] != start:
            held = self._windows[window] = (start, {})
        return held[1]


@dataclass(frozen=True, slots=True)
class _Plainest:
    """See Question. Nobody waits for long."""

    counter: MemoryCounter
    entitlement: str
    rates: tuple[Rate, ...]
    known: int

    def ask(self) -> Count:
        return self.counter.count(self.entitlement, self.rates, known=self.known)

    def later(self, _then: Callable[[Heard], object], /) -> bool:
        return False
