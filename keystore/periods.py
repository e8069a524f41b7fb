"""Paid periods, and what a quota is in one of them. PURE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil

from keystore.plans import QUOTA, Plan
from keystore.verdict import KeyRecord, Period

LAP = timedelta(days=30)  # what never ends is counted in laps
ALWAYS = Period("", datetime(1970, 1, 1, tzinfo=UTC), None)

Stored = list[list[str | None]]


@dataclass(frozen=True, slots=True)
class Budget:
    """The quota of one period, as a counter needs it. `reset`: seconds until the period ends; `window`: its whole length."""

    period: str
    limit: int
    reset: int = field(compare=False)
    window: int = field(compare=False)


def period_at(periods: Sequence[Period], now: datetime) -> Period:
    """The one begun last, else the first; without any, time itself. Where it has no end, the lap of it that `now` is in."""
    begun = [period for period in periods if period.starts_at <= now] or periods[:1] or [ALWAYS]
    period = begun[-1]
    if period.ends_at is not None:
        return period
    lap = max(0, (now - period.starts_at) // LAP)
    start = period.starts_at + lap * LAP
    return Period(f"{period.name}+{lap}", start, start + LAP)


def budget_of(plan: Plan, record: KeyRecord, now: datetime) -> Budget | None:
    """What the key may spend in the period of `now`; None without a quota. In grace the old period lasts until its end."""
    limit = quota_of(plan, record)
    if limit is None:
        return None
    period = period_at(record.periods, now)
    ends_at = period.ends_at or now
    if ends_at <= now:
        ends_at = record.grace_ends_at or ends_at
    reset, window = ends_at - now, ends_at - period.starts_at
    return Budget(period.name, limit, *(max(1, ceil(span.total_seconds())) for span in (reset, window)))


def quota_of(plan: Plan, record: KeyRecord) -> int | None:
    """The plan's quota, or the entitlement's own amount in its place. What has no quota gets none by that."""
    if plan.quota is None:
        return None
    return (record.limits or {}).get(QUOTA, plan.quota.limit)


def to_json(periods: Iterable[Period]) -> Stored:
    """As a column keeps them."""
    return [[one.name, one.starts_at.isoformat(), one.ends_at.isoformat() if one.ends_at else None] for one in periods]


def from_json(stored: Iterable[Sequence[str]]) -> tuple[Period, ...]:
    """As they were."""
    return tuple(
        Period(name, datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None)
        for name, start, end in stored
    )
