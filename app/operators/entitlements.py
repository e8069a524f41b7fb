"""What operators do with the right to use a plan: more time, a pause, the end. Adjustments on the ledger, then the fold."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, books
from app.freshness import publish
from app.models import Adjustment, Customer
from app.operators.paging import read_page
from app.operators.situations import NotPossible, NotThere
from app.problems import InvalidInput
from app.tollgate import Tollgate
from app.views import Page
from keystore.ids import new_id
from keystore.models import Entitlement

LONGEST = timedelta(days=36_500)
ORDERS = ("suspend", "restore", "revoke")
VERBS = {"extend": "extended", "suspend": "suspended", "restore": "restored", "revoke": "revoked"}


@dataclass(frozen=True, slots=True)
class Decided:
    """One adjustment."""

    kind: str
    seconds: int | None
    plan: str | None
    payment: str | None
    reason: str | None
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EntitlementView:
    """The right to use a plan until a date. `ends_at` None while active: for ever.

    `decisions`: what operators said about it, oldest first; only where one entitlement was asked for.
    """

    id: str
    status: str  # pending | active | suspended | ended | revoked
    plan: str
    order: str | None
    email: str | None
    limits: dict[str, int] | None
    starts_at: datetime | None
    ends_at: datetime | None
    grace_ends_at: datetime | None
    created_at: datetime
    decisions: tuple[Decided, ...] = ()


def list_page(
    tollgate: Tollgate, *, limit: int = 20, after: str | None = None, status: str | None = None, plan: str | None = None
) -> Page[EntitlementView]:
    """Entitlements, newest first. Raises NotThere for a bad cursor."""
    query = select(Entitlement)
    query = query.where(Entitlement.status == status) if status else query
    query = query.where(Entitlement.plan == plan) if plan else query
    with tollgate.db.read() as session:
        rows, more = read_page(session, query, Entitlement.created_at, Entitlement.id, limit=limit, after=after)
        return Page(tuple(_view(session, row) for row in rows), more)


def find_active(tollgate: Tollgate, *, plan: str) -> tuple[str, ...]:
    """Ids of all active ones of a plan that have an end, oldest first. Raises UnknownPlan."""
    tollgate.catalog.plan(plan)
    active = (Entitlement.plan == plan, Entitlement.status == "active", Entitlement.ends_at.is_not(None))
    with tollgate.db.read() as session:
        return tuple(session.scalars(select(Entitlement.id).where(*active).order_by(Entitlement.created_at)))


def get(tollgate: Tollgate, entitlement_id: str) -> EntitlementView:
    """One, with what operators decided about it. Raises NotThere."""
    with tollgate.db.read() as session:
        row = session.get(Entitlement, entitlement_id)
        if row is None:
            raise NotThere(entitlement_id)
        return read(session, row)


def read(session: Session, row: Entitlement) -> EntitlementView:
    """The whole view of a row that is loaded already."""
    query = select(Adjustment).where(Adjustment.entitlement_id == row.id).order_by(Adjustment.at, Adjustment.id)
    decided = (
        Decided(one.kind, one.seconds, one.plan, one.payment_id, one.reason, one.actor, one.at)
        for one in session.scalars(query)
    )
    return _view(session, row, decisions=tuple(decided))


def extend(
    tollgate: Tollgate,
    entitlement_id: str,
    *,
    seconds: int | None = None,
    until: datetime | None = None,
    reason: str,
    actor: str,
) -> EntitlementView:
    """More time, by seconds or up to a moment. Raises NotThere, NotPossible, InvalidInput for what would not be more."""
    if (seconds is None) == (until is None):
        raise InvalidInput("/seconds", "say how long, or until when")

    def more(_session: Session, row: Entitlement, now: datetime) -> int:
        _extendable(row)
        wanted = seconds if until is None else int((until - max(now, row.ends_at or now)).total_seconds())
        if not 1 <= (wanted or 0) <= LONGEST.total_seconds():
            pointer = "/seconds" if until is None else "/until"
            raise InvalidInput(pointer, f"it has to be more time than there is, and at most {LONGEST.days} days")
        return wanted or 0

    return _rule(tollgate, entitlement_id, "extend", more, reason=reason, actor=actor)


def suspend(tollgate: Tollgate, entitlement_id: str, *, reason: str, actor: str) -> EntitlementView:
    """Its keys stop at once, until it is restored; time runs on. Raises NotThere, NotPossible."""
    return _rule(tollgate, entitlement_id, "suspend", _not_stopped("suspend", "revoke"), reason=reason, actor=actor)


def revoke(tollgate: Tollgate, entitlement_id: str, *, reason: str, actor: str) -> EntitlementView:
    """It ends, whatever is paid. Only an operator's restore undoes that. Raises NotThere, NotPossible."""
    return _rule(tollgate, entitlement_id, "revoke", _not_stopped("revoke"), reason=reason, actor=actor)


def restore(tollgate: Tollgate, entitlement_id: str, *, reason: str, actor: str) -> EntitlementView:
    """Undo what an operator stopped: from now on the ledger decides again. Raises NotThere, NotPossible."""

    def stopped(session: Session, row: Entitlement, _now: datetime) -> None:
        if _last_order(session, row) not in ("suspend", "revoke"):
            raise NotPossible("no operator suspended or revoked it")

    return _rule(tollgate, entitlement_id, "restore", stopped, reason=reason, actor=actor)


Check = Callable[[Session, Entitlement, datetime], int | None]  # raises what speaks against it; gives the seconds


def _rule(
    tollgate: Tollgate, entitlement_id: str, kind: str, check: Check, *, reason: str, actor: str
) -> EntitlementView:
    now = tollgate.clock()
    with tollgate.db.write() as session:
        if session.get(Entitlement, entitlement_id) is None:
            raise NotThere(entitlement_id)
        row = books.keystore(session, tollgate).lock(entitlement_id)
        seconds = check(session, row, now)
        before = _audited(row)
        decided = Adjustment(entitlement_id=row.id, kind=kind, seconds=seconds, reason=reason, actor=actor, at=now)
        decided.id = new_id("adj")
        session.add(decided)
        changed = books.settle(session, tollgate, row.id, now=now)
        after = {**_audited(row), "seconds": seconds, "reason": reason}
        audit.write(session, f"entitlement.{VERBS[kind]}", row.id, actor=actor, now=now, before=before, after=after)
        view = read(session, row)
    publish(tollgate, changed)
    return view


def _extendable(row: Entitlement) -> None:
    if row.status == "pending":
        raise NotPossible("nothing was paid yet: accept its payment, or give a key away")
    if row.status == "revoked":
        raise NotPossible("it is revoked: restore it first")
    if row.status != "ended" and row.ends_at is None:
        raise NotPossible("it works for ever already")


def _not_stopped(*kinds: str) -> Check:
    def check(session: Session, row: Entitlement, _now: datetime) -> None:
        last = _last_order(session, row)
        if last in kinds:
            raise NotPossible(f"an operator {VERBS[last]} it already")

    return check


def _last_order(session: Session, row: Entitlement) -> str:
    """What an operator last said about whether it may be used; empty when nothing."""
    query = select(Adjustment.kind).where(Adjustment.entitlement_id == row.id, Adjustment.kind.in_(ORDERS))
    return session.scalar(query.order_by(Adjustment.at.desc(), Adjustment.id.desc()).limit(1)) or ""


def _audited(row: Entitlement) -> dict[str, str | None]:
    return {"status": row.status, "plan": row.plan, "ends_at": row.ends_at.isoformat() if row.ends_at else None}


def _view(session: Session, row: Entitlement, *, decisions: tuple[Decided, ...] = ()) -> EntitlementView:
    owner = session.get(Customer, row.owner) if row.owner else None
    return EntitlementView(
        id=row.id,
        status=row.status,
        plan=row.plan,
        order=row.reference if row.reference.startswith("ord_") else None,
        email=owner.email if owner else None,
        limits=dict(row.limits) if row.limits else None,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        grace_ends_at=row.grace_ends_at,
        created_at=row.created_at,
        decisions=decisions,
    )
