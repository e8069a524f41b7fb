"""What the money means. PURE: payments + adjustments -> coverage, a function of facts and `now`.

The whole ledger of an entitlement is folded each time, so the order in which facts arrived does not matter and applying
the same ones twice changes nothing.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from app.ledger.facts import Coverage, Entry, Ruling, Segment, Standing
from app.ledger.timeline import FOREVER, arrival, lay_out, periods_from, plus, run_start, segment_at
from providers.events import AgreementState, PaymentState

__all__ = ["FOREVER", "Coverage", "Entry", "Ruling", "Segment", "Standing", "coverage", "periods_from"]
MOST_GRACE = 10  # a prepaid term is followed by at most a tenth of it
COUNTED = frozenset({PaymentState.PAID, PaymentState.DISPUTED})  # a dispute suspends, it does not take time away


def coverage(
    entries: Iterable[Entry],
    standings: Iterable[Standing] = (),
    rulings: Iterable[Ruling] = (),
    *,
    grace: timedelta,
    now: datetime,
) -> Coverage:
    """Fold everything one entitlement ever got."""
    rulings = sorted(rulings, key=lambda ruling: ruling.at)
    standing_of = {standing.reference: standing for standing in standings}
    entries = sorted(_accepted(entries, rulings), key=arrival)
    held = _held(entries, {ruling.payment for ruling in rulings if ruling.kind == "accept"})
    counted = [entry for entry in entries if entry.id not in held and _counts(entry)]
    segments = lay_out([_replanned(entry, rulings) for entry in counted], [_regranted(one, rulings) for one in rulings])
    ends_at = segments[-1].ends_at if segments else None
    grace_ends_at = _grace(
        segments, standing_of, grace, terms={entry.id: timedelta(seconds=entry.seconds or 0) for entry in counted}
    )
    paid_before = any(entry.id not in held for entry in entries)
    return Coverage(
        status=_status(segments, grace_ends_at, counted, standing_of, rulings, now=now, paid_before=paid_before),
        plan=_plan(segments, standing_of, rulings, now=now),
        starts_at=run_start(segments),
        ends_at=None if ends_at == FOREVER else ends_at,
        grace_ends_at=grace_ends_at,
        segments=tuple(segments),
        held=frozenset(held),
    )


def _accepted(entries: Iterable[Entry], rulings: list[Ruling]) -> list[Entry]:
    """Late money that an operator accepted counts from then on: the buyer waited, not idled."""
    accepted = {ruling.payment: ruling.at for ruling in rulings if ruling.kind == "accept"}
    return [
        replace(entry, state=PaymentState.PAID, paid_at=max(entry.paid_at, accepted[entry.id]))
        if entry.state is PaymentState.HELD and entry.id in accepted
        else entry
        for entry in entries
    ]


def _held(entries: list[Entry], accepted: set[str | None]) -> set[str]:
    """Within one order the first checkout that was paid counts; money of another one waits for an operator.

    Which one is first does not change with a later refund: otherwise refunding would give time.
    """
    first: dict[str, str] = {}
    held = set()
    for entry in entries:
        late = entry.state is PaymentState.HELD
        if late or (first.setdefault(entry.order, entry.checkout) != entry.checkout and entry.id not in accepted):
            held.add(entry.id)
    return held


def _counts(entry: Entry) -> bool:
    returned = entry.amount > 0 and entry.refunded >= entry.amount
    return entry.state in COUNTED and not returned


def _replanned(entry: Entry, rulings: list[Ruling]) -> Entry:
    """An operator's change of plan holds for what was paid before it; the next payment buys what it bought."""
    plan = _ruled_plan(rulings, since=entry.paid_at)
    return replace(entry, plan=plan) if plan else entry


def _regranted(ruling: Ruling, rulings: list[Ruling]) -> Ruling:
    """The same for what an operator gave away."""
    plan = _ruled_plan(rulings, since=ruling.at) if ruling.kind == "grant" else None
    return replace(ruling, plan=plan) if plan else ruling


def _ruled_plan(rulings: list[Ruling], *, since: datetime) -> str | None:
    plans = [ruling.plan for ruling in rulings if ruling.kind == "plan" and ruling.at >= since]
    return plans[-1] if plans else None


def _grace(
    segments: list[Segment], standing_of: dict[str, Standing], grace: timedelta, *, terms: dict[str, timedelta]
) -> datetime | None:
    """Follows what was paid for at the end of coverage: a card period while its subscription means to go on, a prepaid term.

    After a term no more than a tenth of it: three days for nothing after each single day would be bought again and again.
    None follows a gift, nor what never ends.
    """
    if not segments or segments[-1].ends_at == FOREVER:
        return None
    last = segments[-1]
    standing = standing_of.get(last.agreement or "")
    going_on = (
        standing and standing.cancels_at is None and standing.state in (AgreementState.ACTIVE, AgreementState.PAST_DUE)
    )
    if going_on:
        return plus(last.ends_at, grace)
    term = terms.get(last.period)
    return plus(last.ends_at, min(grace, term / MOST_GRACE)) if term else None


def _status(
    segments: list[Segment],
    grace_ends_at: datetime | None,
    counted: list[Entry],
    standing_of: dict[str, Standing],
    rulings: list[Ruling],
    *,
    now: datetime,
    paid_before: bool,
) -> str:
    orders = [ruling.kind for ruling in rulings if ruling.kind in ("suspend", "restore", "revoke")]
    if orders and orders[-1] == "revoke":
        return "revoked"
    if not segments:
        return "ended" if paid_before else "pending"
    if now >= max(segments[-1].ends_at, grace_ends_at or segments[-1].ends_at):
        return "ended"
    disputed = any(entry.state is PaymentState.DISPUTED for entry in counted)
    if (orders and orders[-1] == "suspend") or disputed or _paused(segments, standing_of, now):
        return "suspended"
    return "active"


def _paused(segments: list[Segment], standing_of: dict[str, Standing], now: datetime) -> bool:
    standing = standing_of.get(segment_at(segments, now).agreement or "")
    return standing is not None and standing.state is AgreementState.PAUSED


def _plan(
    segments: list[Segment], standing_of: dict[str, Standing], rulings: list[Ruling], *, now: datetime
) -> str | None:
    """The plan that applies now. A card subscription changed at the provider moves its running period at once."""
    if not segments:
        return None
    segment = segment_at(segments, now)
    standing = standing_of.get(segment.agreement or "")
    overruled = any(ruling.kind == "plan" and ruling.at >= segment.starts_at for ruling in rulings)
    if standing and standing.plan and standing.state is AgreementState.ACTIVE and not overruled:
        return standing.plan
    return segment.plan
