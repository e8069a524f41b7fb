"""What holders and operators do with keys: create, rotate, revoke, change. Each is one transaction with its audit entry."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, books, failpoints, news, overrides
from app.books import keystore
from app.freshness import publish
from app.models import Adjustment, Customer
from app.problems import InvalidInput
from app.tollgate import Tollgate
from app.views import KeyView, NewKey, Page
from keystore.changes import Change
from keystore.ids import new_id
from keystore.records import KeyFilter, KeyInfo
from keystore.verdict import Verdict, judge

LONGEST_GRACE = timedelta(days=30)
MOST_PER_PAGE = 100
STATUS = {
    Verdict.VALID: "active",
    Verdict.PENDING: "pending",
    Verdict.ENDED: "ended",
    Verdict.SUSPENDED: "suspended",
    Verdict.REVOKED: "revoked",
    Verdict.EXPIRED: "expired",
}


class Unset:
    """A field that a change leaves alone; None means "none"."""


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What an operator changes. `limits` overrides amounts of the plan by name; None goes back to the plan's own."""

    plan: str | Unset = UNSET
    limits: dict[str, int] | Unset | None = UNSET
    name: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """A key that an operator gives away. `term_days` None: for ever."""

    plan: str
    email: str | None = None
    name: str | None = None
    term_days: int | None = None
    limits: dict[str, int] | None = None
    scopes: tuple[str, ...] = ("account",)


def get(tollgate: Tollgate, key_id: str) -> KeyView:
    """One key. Raises UnknownKey."""
    with tollgate.db.read() as session:
        return _view(tollgate, session, key_id)


def list_page(
    tollgate: Tollgate, *, limit: int = 20, after: str | None = None, status: str | None = None, plan: str | None = None
) -> Page[KeyView]:
    """Keys, newest first. `status` is the stored one: pending, active or revoked. Raises UnknownKey for a bad cursor."""
    with tollgate.db.read() as session:
        page = keystore(session, tollgate).list_keys(
            limit=min(limit, MOST_PER_PAGE), after=after, only=KeyFilter(key_status=status, plan=plan)
        )
        emails = _emails(session, page.keys)
        return Page(tuple(_shape(tollgate, info, emails) for info in page.keys), page.has_more)


def create(tollgate: Tollgate, new: KeyOrder, *, actor: str) -> NewKey:
    """Give a key away without an order: a grant on the ledger. Raises UnknownPlan, BadLimits, InvalidInput."""
    tollgate.catalog.plan(new.plan)
    overrides.check_given(tollgate, new.plan, new.limits)
    now = tollgate.clock()
    with tollgate.db.write() as session:
        customer = Customer(id=new_id("cus"), email=new.email, created_at=now)
        session.add(customer)
        store = keystore(session, tollgate)
        issued = store.issue(
            new_id("grant"),
            new.plan,
            now=now,
            mode=tollgate.settings.mode,
            seed=secrets.token_bytes(32),
            owner=customer.id,
            scopes=new.scopes,
            name=new.name,
        )
        if new.limits is not None:
            store.set_limits(issued.entitlement_id, new.limits)
        seconds = None if new.term_days is None else new.term_days * 86400
        _adjust(session, tollgate, issued.entitlement_id, "grant", actor=actor, seconds=seconds, plan=new.plan)
        changed = books.settle(session, tollgate, issued.entitlement_id, now=now)
        audit.write(
            session,
            "key.created",
            issued.key_id,
            actor=actor,
            now=now,
            after={"plan": new.plan, "term_days": new.term_days},
        )
    publish(tollgate, changed)
    return NewKey(issued.key_id, issued.secret)


def rotate(tollgate: Tollgate, key_id: str, *, grace_seconds: int, actor: str) -> NewKey:
    """A successor with the same limits; the old key works on until its grace is over. Raises UnknownKey, NotRotatable."""
    if not 0 <= grace_seconds <= LONGEST_GRACE.total_seconds():
        raise InvalidInput("/grace_seconds", f"give 0 to {int(LONGEST_GRACE.total_seconds())} seconds")
    now = tollgate.clock()
    with tollgate.db.write() as session:
        rotated = keystore(session, tollgate).rotate(
            key_id, grace_seconds=grace_seconds, seed=secrets.token_bytes(32), now=now, mode=tollgate.settings.mode
        )
        failpoints.reach("rotate_mid")
        after = {"successor": rotated.issued.key_id, "ends_at": rotated.previous_ends_at.isoformat()}
        audit.write(session, "key.rotated", key_id, actor=actor, now=now, after=after)
        news.of_key(session, "key.rotated", key_id, now=now, successor=rotated.issued.key_id)
    publish(tollgate, Change(rotated.issued.entitlement_id, rotated.issued.version))
    return NewKey(rotated.issued.key_id, rotated.issued.secret, key_id, rotated.previous_ends_at)


def revoke(tollgate: Tollgate, key_id: str, *, actor: str) -> KeyView:
    """Ends one key at once and for good. Doing it twice is no error. Raises UnknownKey."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        store = keystore(session, tollgate)
        own = store.get_key(key_id).record.key_status  # what it belongs to may be revoked, and restored later
        before = _view(tollgate, session, key_id)
        changed = store.revoke(key_id, now=now)
        if own != "revoked":
            audit.write(session, "key.revoked", key_id, actor=actor, now=now, before={"status": before.status})
            news.of_key(session, "key.revoked", key_id, now=now)
        view = _view(tollgate, session, key_id)
    publish(tollgate, changed)
    return view


def patch(tollgate: Tollgate, key_id: str, changes: KeyChanges, *, actor: str) -> KeyView:
    """Change plan, limits or name; what an operator says of the plan holds until the next payment buys another.

    Raises UnknownKey, UnknownPlan, BadLimits; InvalidInput for limits that the plan, as it is then, does not have.
    """
    if not isinstance(changes.plan, Unset):
        tollgate.catalog.plan(changes.plan)
    now = tollgate.clock()
    with tollgate.db.write() as session:
        store = keystore(session, tollgate)
        before = _view(tollgate, session, key_id)
        changed: Change | None = None
        if not isinstance(changes.name, Unset):
            changed = store.update_key(key_id, name=changes.name) or changed
        if not isinstance(changes.limits, Unset):
            changed = store.set_limits(before.entitlement, changes.limits) or changed
        if not isinstance(changes.plan, Unset) and changes.plan != before.plan:
            store.lock(before.entitlement)
            _adjust(session, tollgate, before.entitlement, "plan", actor=actor, plan=changes.plan)
            changed = books.settle(session, tollgate, before.entitlement, now=now) or changed
        view = _view(tollgate, session, key_id)
        if not isinstance(changes.limits, Unset):
            overrides.check_given(tollgate, view.plan, view.limits)
        elif view.plan != before.plan:
            overrides.check_kept(tollgate, view.plan, view.limits)
        if changed:
            audit.write(
                session, "key.changed", key_id, actor=actor, now=now, before=_audited(before), after=_audited(view)
            )
    publish(tollgate, changed)
    return view


def _audited(view: KeyView) -> dict[str, Any]:
    return {"plan": view.plan, "limits": view.limits, "name": view.name}


def _adjust(
    session: Session,
    tollgate: Tollgate,
    entitlement_id: str,
    kind: str,
    *,
    actor: str,
    seconds: int | None = None,
    plan: str | None = None,
) -> None:
    session.add(
        Adjustment(
            id=new_id("adj"),
            entitlement_id=entitlement_id,
            kind=kind,
            seconds=seconds,
            plan=plan,
            actor=actor,
            at=tollgate.clock(),
        )
    )


def _view(tollgate: Tollgate, session: Session, key_id: str) -> KeyView:
    info = keystore(session, tollgate).get_key(key_id)
    return _shape(tollgate, info, _emails(session, (info,)))


def _emails(session: Session, infos: tuple[KeyInfo, ...]) -> dict[str, str | None]:
    owners = {info.record.owner for info in infos if info.record.owner}
    return {row.id: row.email for row in session.scalars(select(Customer).where(Customer.id.in_(owners)))}


def _shape(tollgate: Tollgate, info: KeyInfo, emails: dict[str, str | None]) -> KeyView:
    record = info.record
    return KeyView(
        id=record.key_id,
        status=STATUS[judge(record, tollgate.clock())],
        plan=record.plan,
        entitlement=record.entitlement,
        order=record.reference if record.reference.startswith("ord_") else None,
        email=emails.get(record.owner or ""),
        name=info.name,
        scopes=record.scopes,
        hint=info.hint,
        limits=dict(record.limits) if record.limits else None,
        ends_at=record.ends_at,
        created_at=info.created_at,
        last_used_at=info.last_used_at,
        expires_at=record.key_expires_at,
    )
