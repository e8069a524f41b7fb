"""What happens when the shared counter store dies: each process counts its own share, and says so."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
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
        self._without = Tally()
        self._primary = primary
        self._local = MemoryCounter()
        self._workers = workers_total
        self._breaker_seconds = breaker_seconds
        self._clock = clock
        self._lock = Lock()
        self._place = place
        self._open_until: dict[
            str, float
        ] = {}  # a place that failed, and until when nobody asks it; all others are fine

    @property
    def degraded_total(self) -> int:
        """Answers given without the primary, by all processes forked since this was made."""
        return self._without.total()

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
            return self._ask(entitlement, ask)
        except CounterStoreDown as down:
            kept, share = _kept(block, down), self._share(rates)
            count = self._local.count(entitlement, share, cost=cost, known=known, budget=budget, block=kept)
            return self._degraded(count)

    def peek(
        self, entitlement: str, rates: tuple[Rate, ...], *, budget: Budget | None = None, block: Block = NO_BLOCK
    ) -> Count:
        """See Counter. Never raises CounterStoreDown."""
        try:
            return self._ask(entitlement, partial(self._primary.peek, entitlement, rates, budget=budget, block=block))
        except CounterStoreDown as down:
            kept = _kept(block, down)
            return self._degraded(self._local.peek(entitlement, self._share(rates), budget=budget, block=kept))

    def prepare(self, entitlement: str, rates: tuple[Rate, ...], *, known: int = 0) -> Question:
        """See Counter. Never raises CounterStoreDown, nor tells of one."""
        question = self._primary.prepare(entitlement, rates, known=known)

        def share() -> Count:
            return self._degraded(self._local.count(entitlement, self._share(rates), known=known))

        def ask() -> Count:
            try:
                return self._ask(entitlement, question.ask)
            except CounterStoreDown:
                return share()

        def later(then: Callable[[Heard], object]) -> bool:
            place = self._place_of(entitlement)
            if place in self._open_until:  # one caller tries it, and waits
                return False

            def hear(heard: Heard) -> None:
                if isinstance(heard, CounterStoreDown):
                    if place not in self._open_until:  # many may hear it at once
                        self._open_breaker(place, heard)
                    heard = share()
                then(heard)

            return question.later(hear)

        return Question(ask, later)

    def publish(self, entitlement: str, version: int) -> None:
        """See Counter. Raises CounterStoreDown, at once while the primary is left alone: publish again later."""
        self._local.publish(entitlement, version)
        self._ask(entitlement, partial(self._primary.publish, entitlement, version))

    def ping(self) -> None:
        """See Counter. Raises CounterStoreDown."""
        self._ask(None, self._primary.ping)

    def _ask(self, entitlement: str | None, question: Callable[[], T]) -> T:
        place = self._place_of(entitlement)
        if place in self._open_until:
            self._pass_breaker(place)
        try:
            answer = question()
        except LeftAlone:
            raise
        except CounterStoreDown as down:
            self._open_breaker(place, down)
            raise
        if place in self._open_until:
            self._open_until.pop(place, None)
        return answer

    def _place_of(self, entitlement: str | None) -> str:
        return EVERYTHING if self._place is None or entitlement is None else self._place(entitlement)

    def _open_breaker(self, place: str, down: CounterStoreDown) -> None:
        self._open_until[place] = self._clock() + self._breaker_seconds
        log.warning("limits are counted without the %s for a while: %s", f"counter store {place}".rstrip(), down)

    def _pass_breaker(self, place: str) -> None:
        with self._lock:
            now = self._clock()
            if now < self._open_until.get(place, now):
                raise LeftAlone("left alone after a failure")
            self._open_until[place] = now + self._breaker_seconds  # this caller tries; the others do not wait with it

    def _degraded(self, count: Count) -> Count:
        with self._lock:
            self._without.add()
        return count._replace(degraded=True)

    def _share(self, rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
        return tuple(rate._replace(limit=max(1, rate.limit // self._workers)) for rate in rates)


def _kept(block: Block, down: CounterStoreDown) -> Block:
    """A store that did not answer may have the block nevertheless: spent here too, it would be spent twice."""
    return block if isinstance(down, LeftAlone) else replace(block, granted=0)
