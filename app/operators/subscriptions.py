"""Ending a subscription at its provider, so that the buyer is charged no more, whatever our books make of the money."""

import logging
from dataclasses import dataclass

from sqlalchemy import select

from app import attention, audit, books, sync
from app.models import Checkout, Order
from app.operators.situations import NotPossible
from app.problems import OrderNotFound, ProviderFailed
from app.subscribing import GOING_ON
from app.tollgate import Tollgate
from providers.base import CancelsAgreement, Provider, ProviderError, is_refusal
from providers.events import Agreement, AgreementState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription as its provider shows it now."""

    checkout: str
    rail: Provider
    agreement: Agreement


def cancel(tollgate: Tollgate, order_id: str, *, reason: str | None, actor: str) -> tuple[str, ...]:
    """End every subscription of an order now; the provider's names of those that still went on. Gives nothing back.

    The provider says which there are: one that does not match the order is in none of our books. Doing it again is no
    error. Raises OrderNotFound, NotPossible where there never was one, ProviderFailed.
    """
    found = _find(tollgate, order_id)
    if not found:
        raise NotPossible("it has no subscription: nothing of it is charged again by itself")
    living = [one for one in found if one.agreement.state is not AgreementState.CANCELED]
    for one in living:
        _end(one)
        _write_down(tollgate, order_id, one, reason=reason, actor=actor)
    return tuple(one.agreement.reference for one in living)


def goes_on(tollgate: Tollgate, order_id: str) -> bool:
    """Whether, as far as our books know, a subscription of the order will be charged again."""
    going_on = select(Checkout.id).where(Checkout.order_id == order_id, Checkout.agreement_state.in_(GOING_ON))
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


def _write_down(tollgate: Tollgate, order_id: str, one: Found, *, reason: str | None, actor: str) -> None:
    now, agreement = tollgate.clock(), one.agreement.reference
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, order_id)
        attention.resolve_about(order, agreement)
        after = {"subscription": agreement, "reason": reason}
        audit.write(session, "subscription.canceled", order_id, actor=actor, now=now, after=after)
    try:
        sync.checkout(tollgate, one.checkout)
    except ProviderError as error:
        log.warning("%s is canceled; webhook or sweep will tell the books: %s", agreement, error)
