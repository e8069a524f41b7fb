"""What a request is charged to: the windows of its plan and, where there is one, the quota of its paid period.

The counter does both in one call. Only when its block of the quota is used up is SQL asked for another: once in a thousandth
of the quota, for a small one at each request.
"""

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple

from app.tollgate import Tollgate
from keystore.errors import CounterStoreDown
from keystore.limits import Block
from keystore.periods import Budget, budget_of
from keystore.plans import Count, Plan, Rate, rates_of
from keystore.quota import read_reserved, reserve
from keystore.verdict import KeyRecord


class Terms(NamedTuple):
    """The limits of an entitlement at one moment."""

    entitlement: str
    rates: tuple[Rate, ...]
    budget: Budget | None


def terms_of(record: KeyRecord, plan: Plan, now: datetime) -> Terms:
    """What holds for this key now."""
    return Terms(record.entitlement, rates_of(plan, record.limits), budget_of(plan, record, now))


def charge(tollgate: Tollgate, terms: Terms, cost: int, *, known: int = 0) -> Count:
    """Count one request, unless a version newer than `known` is published (0: whatever is).

    Others may take what was just reserved, so it may need several turns; each takes from what is left.
    """
    budget = terms.budget
    ask = partial(tollgate.counter.count, terms.entitlement, terms.rates, cost=cost, known=known, budget=budget)
    count = ask()
    while budget is not None and count.short:
        count = ask(block=_reserve(tollgate, terms, budget, count.short))
    return count


def look(tollgate: Tollgate, terms: Terms, cost: int = 1) -> Count:
    """The same without charging: `admitted` says whether it would pass."""
    counter, budget = tollgate.counter, terms.budget
    count = counter.peek(terms.entitlement, terms.rates, budget=budget)
    if budget is not None and count.quota is None:
        known = tollgate.db.do(lambda session: read_reserved(session, terms.entitlement, budget))
        count = counter.peek(terms.entitlement, terms.rates, budget=budget, block=known)
    full = tuple(allowance.name for allowance in count.limits if allowance.remaining < cost)
    return count._replace(admitted=not full, refused=full, short=0)


def _reserve(tollgate: Tollgate, terms: Terms, budget: Budget, short: int) -> Block:
    """Committed before it is spent: what is lost on the way is lost, not spent twice. Raises DatabaseDown.

    A block that comes too late for its request is there for the next one, or a slow database would eat up the quota.
    """

    def keep(block: Block) -> None:
        with suppress(CounterStoreDown):
            tollgate.counter.peek(terms.entitlement, terms.rates, budget=budget, block=block)

    return tollgate.db.do(lambda session: reserve(session, terms.entitlement, budget, short=short), late=keep)
