"""Ending a subscription at its provider, so that the buyer is charged no more, whatever our books make of the money."""

import logging
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import attention, audit, books, sync
from app.models import AuditEntry, Checkout, Order
from app.operators.situations import NotPossible
from app.problems import OrderNotFound, ProviderFailed
from app.subscribing import may_be_charged
from app.tollgate import Tollgate
from providers.base import CancelsAgreement, Provider, ProviderError, is_refusal
from providers.events import Agreement

log = logging.getLogger(__name__)

ENDED = "subscription.canceled"  # as the audit log calls it


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription as its provider shows it now."""

    checkout: str
    rail: Provider
    agreement: Agreement


def cancel(tollgate: Tollgate, order_id: str, *, reason: str | None, actor: str) -> tuple[str, ...]:
    """End every subscription of an order now; the provider's names of those that were not on record as ended. Gives
    nothing back.

    The provider says which there are: one that does not match the order is in none of our books. Those that look over
    are ended all the same: one that is `unpaid` at Stripe is worth nothing and can be charged again, and of one that is
    canceled nobody may have written it down, if we were killed then. Doing it again is no error.
    Raises OrderNotFound, NotPossible where there never was one, ProviderFailed.
    """
    found = _find(tollgate, order_id)
    if not found:
        raise NotPossible("it has no subscription: nothing of it is charged again by itself")
    ended = []
    for one in found:
        _end(one)
        if _write_down(tollgate, order_id, one, reason=reason, actor=actor):
            ended.append(one.agreement.reference)
    return tuple(ended)


def goes_on(tollgate: Tollgate, order_id: str) -> bool:
    """Whether, as far as our books know, a subscription of the order may be charged again."""
    going_on = select(Checkout.id).where(Checkout.order_id == order_id, may_be_charged())
    with tollgate.db.read() as session:
        return session.scalars(going_on).first() is not None


def _find(tollgate: Tollgate, order_id: str) -> list[Found]:
    query = select(Checkout.id, Checkout.provider, Checkout.reference).where(
        Checkout.order_id == order_id, Checkout.recurring, Checkout.reference.is_not(None)
    )
    with tollgate.db.read() as session:
        if session.get(Order, order_id) is None:
            raise OrderNotFound(order_id)
        opened = session.execute(query).all()
    return [found for row in opened if (found := _ask(tollgate, row.id, row.provider, row.reference or ""))]


def _ask(tollgate: Tollgate, checkout_id: str, provider: str, reference: str) -> Found | None:
    rail = tollgate.providers.get(provider)
    if rail is None:
        raise NotPossible(f"{provider} is not configured here")
    try:
        agreement = rail.snapshot(reference).agreement
    except ProviderError as error:
        raise ProviderFailed(provider, order_id=None, refused=is_refusal(error)) from error
    return Found(checkout_id, rail, agreement) if agreement else None


def _end(one: Found) -> None:
    if not isinstance(one.rail, CancelsAgreement):
        raise NotPossible(f"{one.rail.name} cannot end subscriptions from here")
    try:
        one.rail.cancel(one.agreement.reference)
    except ProviderError as error:
        raise ProviderFailed(one.rail.name, order_id=None, refused=is_refusal(error)) from error


def _write_down(tollgate: Tollgate, order_id: str, one: Found, *, reason: str | None, actor: str) -> bool:
    """False when that was done before."""
    now, agreement = tollgate.clock(), one.agreement.reference
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, order_id)
        attention.resolve_about(order, agreement)
        written = _is_written(session, order_id, agreement)
        if not written:
            after = {"subscription": agreement, "reason": reason}
            audit.write(session, ENDED, order_id, actor=actor, now=now, after=after)
    try:
        sync.checkout(tollgate, one.checkout)
    except ProviderError as error:
        log.warning("%s is canceled; webhook or sweep will tell the books: %s", agreement, error)
    return not written


def _is_written(session: Session, order_id: str, agreement: str) -> bool:
    entries = session.scalars(select(AuditEntry).where(AuditEntry.target == order_id, AuditEntry.action == ENDED))
    return any(entry.after and entry.after.get("subscription") == agreement for entry in entries)
