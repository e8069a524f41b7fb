"""Paid time as a line of segments that never overlap. PURE."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.ledger.facts import Entry, Ruling, Segment

FOREVER = datetime.max.replace(tzinfo=UTC)


def arrival(entry: Entry) -> tuple[datetime, datetime, str]:
    """The order in which payments count. Providers tell whole seconds: within one, what was ordered first comes first."""
    return entry.paid_at, entry.opened_at or entry.paid_at, entry.id


def lay_out(entries: list[Entry], rulings: list[Ruling]) -> list[Segment]:
    """Fixed periods first (the latest paid wins where they overlap), then each term into the first uncovered time."""
    segments: list[Segment] = []
    for entry in reversed(entries):
        if entry.covers_from and entry.covers_to:
            period = f"until {entry.covers_to.isoformat()}"
            segments = _fill(segments, entry.covers_from, entry.covers_to, entry.plan, entry.agreement, period=period)
    terms = [(entry.paid_at, entry.id, entry.seconds, entry.plan) for entry in entries if not entry.covers_to]
    terms += [
        (ruling.at, f"{ruling.kind} {ruling.at.isoformat()}", ruling.seconds, ruling.plan or "")
        for ruling in rulings
        if ruling.kind in ("grant", "extend")
    ]
    for start, period, seconds, plan in sorted(terms, key=lambda term: term[0]):  # entries come in the order of arrival
        until = FOREVER if seconds is None else None
        segments = _fill(
            segments, start, until, plan or _last_plan(segments), None, seconds=seconds or 0, period=period
        )
    return segments


def _last_plan(segments: list[Segment]) -> str:
    return segments[-1].plan if segments else ""


def _fill(
    segments: list[Segment],
    start: datetime,
    end: datetime | None,
    plan: str,
    agreement: str | None,
    *,
    period: str,
    seconds: int = 0,
) -> list[Segment]:
    """Add uncovered time from `start`: up to `end`, or, where `end` is None, `seconds` of it wherever it is found."""
    left = timedelta(seconds=seconds)
    result = list(segments)
    cursor = start
    for segment in [*segments, Segment(FOREVER, FOREVER, "")]:
        if end is None and not left:
            break
        stop = min(segment.starts_at, end) if end else min(segment.starts_at, plus(cursor, left))
        if stop > cursor:
            result.append(Segment(cursor, stop, plan, agreement, period))
            left -= min(left, stop - cursor)
        cursor = max(cursor, segment.ends_at)
    return sorted(result, key=lambda segment: segment.starts_at)


def plus(moment: datetime, delta: timedelta) -> datetime:
    """Later by `delta`, and never beyond FOREVER."""
    return FOREVER if delta > FOREVER - moment else moment + delta


def segment_at(segments: list[Segment], now: datetime) -> Segment:
    """The segment that covers `now`, else the last one that began before it, else the first."""
    begun = [segment for segment in segments if segment.starts_at <= now]
    return begun[-1] if begun else segments[0]


def run_start(segments: list[Segment]) -> datetime | None:
    """Where the unbroken stretch that ends last began."""
    if not segments:
        return None
    start = segments[-1].starts_at
    for segment in reversed(segments):
        if segment.ends_at < start:
            break
        start = segment.starts_at
    return start


def periods_from(segments: Iterable[Segment], now: datetime) -> list[Segment]:
    """The segments one after another, those of one period that touch as one; what was over before the current one is left out."""
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if last and last.period == segment.period and last.ends_at == segment.starts_at:
            joined[-1] = replace(last, ends_at=segment.ends_at)
        else:
            joined.append(segment)
    past = sum(segment.starts_at <= now for segment in joined) - 1
    return joined[max(0, past) :]
