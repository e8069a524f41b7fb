"""What happens when the shared counter store dies: each process counts its own share, and says so."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import TypeVar

from keystore.errors import CounterStoreDown, LeftAlone
from keystore.limits.contract import NO_BLOCK, Block, Counter, Heard, Question
from keystore.limits.memory import MemoryCounter
from keystore.limits.tally import Tally
from keystore.periods import Budget
from keystore.plans import Count, Rate

EVERYTHING = ""

T = TypeVar("T")

log = logging.getLogger(__name__)


class FallbackCounter:
    """Asks `primary`; while that is down, counts `max(1, limit // workers_total)` in this process.

    After a failure the primary is left alone for `breaker_seconds`; then one caller tries it while the others stay on the
    fallback, so a store that hangs costs a process one time-out per `breaker_seconds`. It recovers by itself.
    `place` names what fails together with an entitlement, such as one node of a cluster: the others are asked as ever. None
    where everything fails together.
    """

    confirms = True

    def __init__(
        self,
        primary: Counter,
        *,
        workers_total: int,
        breaker_seconds: float = 5,
        place: Callable[[str], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._shares = _Shares(workers_total)
        self._breaker = _Breaker(breaker_seconds, place, clock)

    @property
    def degraded_total(self) -> int:
        """Answers given without the primary, by all processes forked since this was made."""
        return self._shares.answers.total()

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
        """See Counter. Never raises CounterStoreDown. A quota is not shared out: each process spends the blocks it gets."""
        try:
            ask = partial(self._primary.count, entitlement, rates, cost=cost, known=known, budget=budget, block=block)
            return self._breaker.ask(entitlement, ask)
        except CounterStoreDown as down:
            kept, share, alone = _kept(block, down), self._shares.of(rates), self._shares.counter
            return self._shares.told(alone.count(entitlement, share, cost=cost, known=known, budget=budget, block=kept))

    def peek(
        self, entitlement: str, rates: tuple[Rate, ...], *, budget: Budget | None = None, block: Block = NO_BLOCK
    ) -> Count:
        """See Counter. Never raises CounterStoreDown."""
        try:
            ask = partial(self._primary.peek, entitlement, rates, budget=budget, block=block)
            return self._breaker.ask(entitlement, ask)
        except CounterStoreDown as down:
            kept, share, alone = _kept(block, down), self._shares.of(rates), self._shares.counter
            return self._shares.told(alone.peek(entitlement, share, budget=budget, block=kept))

    def prepare(self, entitlement: str, rates: tuple[Rate, ...], *, known: int = 0) -> Question:
        """See Counter. Never raises CounterStoreDown, nor tells of one."""
        question = self._primary.prepare(entitlement, rates, known=known)
        return _Plainest(self._breaker, question, self._shares, entitlement, rates, known)

    def publish(self, entitlement: str, version: int) -> None:
        """See Counter. Raises CounterStoreDown, at once while the primary is left alone: publish again later."""
        self._shares.counter.publish(entitlement, version)
        self._breaker.ask(entitlement, partial(self._primary.publish, entitlement, version))

    def ping(self) -> None:
        """See Counter. Raises CounterStoreDown."""
        self._breaker.ask(None, self._primary.ping)


class _Breaker:
    """Knows which places failed, and leaves them alone for a while. Thread-safe."""

    def __init__(self, seconds: float, place: Callable[[str], str] | None, clock: Callable[[], float]) -> None:
        self._seconds, self._place, self._clock = seconds, place, clock
        self._lock = Lock()
        # A place that failed, and until when nobody asks it; all others are fine.
        self._open_until: dict[str, float] = {}

    def ask(self, entitlement: str | None, question: Callable[[], T]) -> T:
        """What it answers. Raises CounterStoreDown: its own, or LeftAlone."""
        place = self.place_of(entitlement)
        if place in self._open_until:
            self._pass(place)
        try:
            answer = question()
        except LeftAlone:
            raise
        except CounterStoreDown as down:
            self._open(place, down)
            raise
        if place in self._open_until:
            self._open_until.pop(place, None)
        return answer

    def is_open(self, place: str) -> bool:
        """Whether it has failed, and one caller is to try it and wait."""
        return place in self._open_until

    def hear(self, place: str, down: CounterStoreDown) -> None:
        """That it failed. Many may hear it at once."""
        if place not in self._open_until:
            self._open(place, down)

    def place_of(self, entitlement: str | None) -> str:
        """What fails together with an entitlement, as far as that is known now; EVERYTHING for None."""
        return EVERYTHING if self._place is None or entitlement is None else self._place(entitlement)

    def _open(self, place: str, down: CounterStoreDown) -> None:
        self._open_until[place] = self._clock() + self._seconds
        log.warning("limits are counted without the %s for a while: %s", f"counter store {place}".rstrip(), down)

    def _pass(self, place: str) -> None:
        with self._lock:
            now = self._clock()
            if now < self._open_until.get(place, now):
                raise LeftAlone("left alone after a failure")
            self._open_until[place] = now + self._seconds  # this caller tries; the others do not wait with it


class _Shares:
    """What this process admits by itself, and how many answers all processes gave so."""

    def __init__(self, workers: int) -> None:
        self.answers = Tally()
        self.counter = MemoryCounter()
        self._workers = workers
        self._lock = Lock()

    def of(self, rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
        """What is left of them for one process."""
        return tuple(rate._replace(limit=max(1, rate.limit // self._workers)) for rate in rates)

    def told(self, count: Count) -> Count:
        """The same, said to be counted here alone."""
        with self._lock:
            self.answers.add()
        return count._replace(degraded=True)


@dataclass(frozen=True, slots=True)
class _Plainest:
    """See Question."""

    breaker: _Breaker
    question: Question
    shares: _Shares
    entitlement: str
    rates: tuple[Rate, ...]
    known: int

    def ask(self) -> Count:
        try:
            return self.breaker.ask(self.entitlement, self.question.ask)
        except CounterStoreDown:
            return self._share()

    def later(self, then: Callable[[Heard], object], /) -> bool:
        place = self.breaker.place_of(self.entitlement)  # as it is asked: when a failure is heard, it may have moved
        return not self.breaker.is_open(place) and self.question.later(partial(self._hear, place, then))

    def _hear(self, place: str, then: Callable[[Heard], object], heard: Heard) -> None:
        if isinstance(heard, CounterStoreDown):
            self.breaker.hear(place, heard)
            heard = self._share()
        then(heard)

    def _share(self) -> Count:
        shares = self.shares
        return shares.told(shares.counter.count(self.entitlement, shares.of(self.rates), known=self.known))


def _kept(block: Block, down: CounterStoreDown) -> Block:
    """A store that did not answer may have the block nevertheless: spent here too, it would be spent twice."""
    return block if isinstance(down, LeftAlone) else replace(block, granted=0)
