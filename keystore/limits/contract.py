"""What every counter promises, and the arithmetic they share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from keystore.errors import CounterStoreDown
from keystore.periods import Budget
from keystore.plans import QUOTA, Allowance, Count, Rate


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a quota on its way from SQL to a counter: `granted` requests, by which `reserved` are handed out in all.

    `reserved` is None where nobody asked SQL.
    """

    granted: int = 0
    reserved: int | None = None


NO_BLOCK = Block()


@dataclass(frozen=True, slots=True)
class Held:
    """What a counter has of one period: `left` of its blocks, and the most it ever heard to be `reserved` (None: nothing)."""

    left: int = 0
    reserved: int | None = None

    def plus(self, block: Block) -> "Held":
        """With a block put in. `reserved` only grows, so the highest figure is the newest."""
        known = [n for n in (self.reserved, block.reserved) if n is not None]
        return Held(self.left + block.granted, max(known, default=None))


Heard = Count | CounterStoreDown | None


class Question(Protocol):
    """The plainest count, put together once and asked for each request: it costs one, and there is no quota.

    One small object for each key: thousands are in use at once, and what lies in many places is waited for in each of them.
    """

    def ask(self) -> Count:
        """Wait for it. Raises CounterStoreDown."""

    def later(self, then: Callable[[Heard], object], /) -> bool:
        """Do not. False where that is not possible now, and nothing was asked.

        Else `then` is called, once, in a thread that must not be held up. It hears the count, or why there is none, or None where
        it is certain that nothing was counted and only who waits gets further.
        """


class Counter(Protocol):
    """Counts the requests of entitlements in fixed, aligned windows on the clock of its store, and spends their quota.

    In each window `admitted <= limit`, exactly. A counter is named by entitlement and window length; name and
    amount are no part of it, so neither a changed limit nor another plan's name for the minute opens a fresh window. Of a
    quota it spends what it was granted, no more.

    `confirms`: its counts tell of every version that anybody published, not of this process' own only.
    """

    confirms: bool

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
        """Charge `cost` (at least 1) to every window and the budget, or to none if one of them has no room.

        None is charged either, nor `admitted`, where a version newer than `known` is published: whoever asks knows an old state of
        the entitlement (0: takes what there is). The block is put in first, and stays in whatever follows. Raises
        CounterStoreDown; the block is lost then.
        """

    def peek(
        self, entitlement: str, rates: tuple[Rate, ...], *, budget: Budget | None = None, block: Block = NO_BLOCK
    ) -> Count:
        """Charge nothing; `admitted` says whether one more request would pass now. Raises CounterStoreDown."""

    def prepare(self, entitlement: str, rates: tuple[Rate, ...], *, known: int = 0) -> Question:
        """`count` for the plainest request."""

    def publish(self, entitlement: str, version: int) -> None:
        """Tell every gate about the entitlement's new version. Never lowers it. Raises CounterStoreDown."""

    def ping(self) -> None:
        """Return if the store answers. Raises CounterStoreDown."""


def full(rates: tuple[Rate, ...], remaining: Iterable[int], cost: int) -> tuple[str, ...]:
    """Names of the windows that have no room for `cost` (at least 1) more."""
    return tuple(rate.name for rate, left in zip(rates, remaining, strict=True) if left < cost)


def affords(budget: Budget, held: Held, cost: int) -> bool:
    """Whether so much can be spent at once. A quota lowered below what is used leaves nothing, whatever is left of blocks."""
    return held.reserved is not None and held.left >= cost and held.reserved - held.left + cost <= budget.limit


def judged(count: Count, budget: Budget | None, held: Held, *, cost: int, charged: bool) -> Count:
    """The windows' count completed by the quota. `cost`: at least 1; `charged`: whether it was taken off `held` already."""
    if budget is None:
        return count
    room = None if held.reserved is None else budget.limit - held.reserved + held.left
    quota = None if room is None else Allowance(QUOTA, budget.limit, max(0, room), budget.reset, budget.window)
    if charged:
        return count._replace(quota=quota)
    refused = (*count.refused, QUOTA) if room is not None and room < cost else count.refused
    short = 0 if refused else max(0, cost - held.left)
    return count._replace(admitted=not (refused or short), refused=refused, quota=quota, short=short)


def is_newer(published: int, known: int) -> bool:
    """Whether somebody who knows that version (0: none) has to look again before anything is charged."""
    return 0 < known < published


def check_cost(cost: int) -> None:
    """Raises ValueError for a cost below 1: it would give requests away or give them back."""
    if cost < 1:
        raise ValueError("a request costs at least 1")
