"""What a key may do: Plan, Rate, Quota. Frozen values; the catalogue makes them, the gate reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keystore.errors import BadLimits

HIGHEST_LIMIT = 1_000_000_000
QUOTA = "quota"  # what the quota is called among refusals and overrides; no rate may have that name


class Rate(NamedTuple):
    """A named, fixed and aligned window: at most `limit` requests in each `window` seconds."""

    name: str
    limit: int
    window: int


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` requests per paid period of the entitlement."""

    limit: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as the gate sees it. No rates means unlimited; no quota likewise."""

    slug: str
    name: str
    rates: tuple[Rate, ...] = ()
    quota: Quota | None = None
    features: tuple[str, ...] = ()
    description: str = ""


def rates_of(plan: Plan, overrides: Mapping[str, int] | None) -> tuple[Rate, ...]:
    """The plan's rates with an entitlement's own amounts put in by name. Names the plan no longer has are ignored."""
    if not overrides:
        return plan.rates
    return tuple(rate._replace(limit=overrides.get(rate.name, rate.limit)) for rate in plan.rates)


def limit_names(plan: Plan) -> tuple[str, ...]:
    """What overrides may be called: the plan's rates, and its quota if it has one. No override makes a limit that the plan lacks."""
    rates = tuple(rate.name for rate in plan.rates)
    return rates if plan.quota is None else (*rates, QUOTA)


def check_overrides(limits: Mapping[str, int]) -> None:
    """Raises BadLimits for an amount that is no whole number from 1 to HIGHEST_LIMIT. To stop a key, suspend or revoke.

    Their names are for whoever knows the plan to check: `limit_names`.
    """
    for name, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= HIGHEST_LIMIT:
            raise BadLimits(name)


class Allowance(NamedTuple):
    """One window after a request was judged. `reset`: seconds until one more request would pass (or the window turns)."""

    name: str
    limit: int
    remaining: int
    reset: int
    window: int


class Count(NamedTuple):  # one is made for each request, which no frozen class does as cheaply
    """The answer of a counter for one request: admitted or not, every window, and the entitlement's published version.

    `states` are what remains of each window and its reset, as in Allowance, in turn and in the order of `rates`: r1, t1, r2, t2, ….
    `refused` names the windows that were full, and "quota" where that is used up. `version` is None where the counter store
    has none: in memory, just flushed, or away. `quota` is None without one, or while the counter was not yet told how much of it is reserved;
    `heard` is the newest version that this very process has published, whatever others did since (in-memory only).
    `short`: so many requests must be reserved before one like this can be charged (the rest of its limits have room).
    """

    admitted: bool
    rates: tuple[Rate, ...] = ()
    states: Sequence[int] = ()
    refused: tuple[str, ...] = ()
    version: int | None = None
    degraded: bool = False
    quota: Allowance | None = None
    short: int = 0
    heard: int = 0

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """The windows, for whoever looks at each of them: few requests need that."""
        states = zip(self.rates, self.states[::2], self.states[1::2], strict=True)
        return tuple(Allowance(rate.name, rate.limit, left, reset, rate.window) for rate, left, reset in states)

    @property
    def limits(self) -> tuple[Allowance, ...]:
        """The windows and, where there is one, the quota."""
        return (*self.allowances, self.quota) if self.quota else self.allowances
