"""Giving money back: claimed in one transaction, asked of the provider in none, written down in another."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import attention, audit, books
from app.freshness import publish
from app.models import Order, Payment, Refund
from app.operators import subscriptions
from app.operators.money import named, payments_of
from app.operators.situations import AlreadyRefunded, NotPossible, NotThere, RefundInFlight, RefundRefused
from app.problems import InvalidInput, OrderNotFound, ProviderFailed
from app.tollgate import Tollgate
from keystore.ids import new_id
from providers.base import ProviderError, RefundMade, Refunds, Unavailable
from providers.events import Money, PaymentState

PATIENCE = timedelta(seconds=30)  # how long somebody else may be asking the provider for the same refund
FINAL = {
    PaymentState.DISPUTED: "the bank decides about it: it is disputed",
    PaymentState.LOST: "it is gone already: a dispute was lost, or it was marked invalid",
}


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What to give back. `payment` None: the only one there is; `amount` None: all that is left, else minor units.

    `cancel_subscription`: end the order's subscription too, or the card is charged again next month.
    """

    payment: str | None = None
    amount: int | None = None
    reason: str | None = None
    cancel_subscription: bool = False


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund as it stands. `link`: where the payer claims it, for rails that cannot send money back by themselves."""

    id: str
    payment: str
    provider: str
    reference: str
    amount: int
    currency: str
    state: str  # asking | pending | succeeded | failed
    link: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """One refund that is ours to ask for. `retry`: it was asked for before, and nobody knows how that ended."""

    refund: str
    order: str
    provider: str
    payment: str  # the provider's reference of the payment
    money: Money
    retry: bool


def refund(tollgate: Tollgate, order_id: str, wanted: RefundOrder, *, actor: str) -> RefundView:
    """Give money back at the provider, then write it down. The same request again never gives back twice.

    A subscription is ended first: what comes after may be asked for again, and is nothing to end twice.
    Raises OrderNotFound, NotThere, AlreadyRefunded, RefundInFlight, InvalidInput, NotPossible, RefundRefused, ProviderFailed.
    """
    if wanted.cancel_subscription:
        preview(tollgate, order_id, wanted)  # what cannot be given back ends nothing either
        subscriptions.cancel(tollgate, order_id, reason=wanted.reason, actor=actor)
    claim = _claim(tollgate, order_id, wanted)
    made = _ask(tollgate, claim)
    return _record(tollgate, claim, made, reason=wanted.reason, actor=actor)


def preview(tollgate: Tollgate, order_id: str, wanted: RefundOrder) -> Money:
    """What `refund` would give back. Raises what it would raise."""
    with tollgate.db.read() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        payment, money = _wanted(session, tollgate, order, wanted)
        _asked_before(session, payment, money, now=tollgate.clock())
        return money


def _wanted(session: Session, tollgate: Tollgate, order: Order, wanted: RefundOrder) -> tuple[Payment, Money]:
    payments = payments_of(session, order)
    if wanted.payment is not None:
        named(payments, wanted.payment, nothing=NotThere(wanted.payment))
    back = books.refunded(session, [row.id for row in payments])
    left = {row.id: 0 if row.state == PaymentState.REFUNDED else row.amount - back[row.id] for row in payments}
    if not payments:
        raise NotPossible("no money has come for this order")
    payment = named(
        [row for row in payments if left[row.id] > 0],
        wanted.payment,
        nothing=AlreadyRefunded(wanted.payment or order.id),
    )
    why_not = FINAL.get(PaymentState(payment.state))
    if why_not:
        raise NotPossible(why_not)
    if not isinstance(tollgate.providers.get(payment.provider), Refunds):
        raise NotPossible(f"{payment.provider} is not configured here, or cannot refund")
    amount = left[payment.id] if wanted.amount is None else wanted.amount
    if not 1 <= amount <= left[payment.id]:
        raise InvalidInput("/amount", f"give 1 to {left[payment.id]}: that much is left of {payment.id}")
    return payment, Money(amount, payment.currency)


def _claim(tollgate: Tollgate, order_id: str, wanted: RefundOrder) -> Claim:
    """Commit that we are about to ask, so that two operators cannot give the same money back twice."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, order_id)
        payment, money = _wanted(session, tollgate, order, wanted)
        row = _asked_before(session, payment, money, now=now)
        retry = row is not None
        if row is None:
            name = new_id("ref")
            row = Refund(id=name, payment_id=payment.id, provider=payment.provider, reference=name, state="asking")
            session.add(row)
        row.amount, row.currency, row.created_at = money.amount, money.currency, now
        return Claim(row.id, order.id, payment.provider, payment.reference, money, retry)


def _asked_before(session: Session, payment: Payment, money: Money, *, now: datetime) -> Refund | None:
    """The same refund, of which nobody knows how it ended. Raises RefundInFlight where only waiting can tell."""
    row = session.scalar(select(Refund).where(Refund.payment_id == payment.id, Refund.state == "asking"))
    if row is not None and (row.amount != money.amount or row.created_at > now - PATIENCE):
        raise RefundInFlight(f"{row.amount} {row.currency} since {row.created_at:%H:%M:%S}Z")
    return row


def _ask(tollgate: Tollgate, claim: Claim) -> RefundMade:
    provider = tollgate.providers[claim.provider]
    assert isinstance(provider, Refunds)  # noqa: S101 (for the type checker: `_wanted` has looked)
    try:
        return provider.refund(claim.payment, claim.money, idempotency_key=claim.refund, retry=claim.retry)
    except Unavailable as error:
        raise ProviderFailed(claim.provider, order_id=None, refused=False) from error
    except ProviderError as error:
        with tollgate.db.write() as session:
            session.get_one(Refund, claim.refund).state = "failed"
        raise RefundRefused(str(error)) from error


def _record(tollgate: Tollgate, claim: Claim, made: RefundMade, *, reason: str | None, actor: str) -> RefundView:
    now = tollgate.clock()
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, claim.order)
        row = _written(session, claim, made)
        payment = session.get_one(Payment, row.payment_id)
        before = {"order": order.status, "attention": order.attention}
        attention.resolve_about(order, payment.id, payment.checkout_id)
        changed = books.settle(session, tollgate, order.entitlement_id, now=now)
        books.restate(session, order)
        after = {
            "order": order.status,
            "payment": payment.id,
            "refund": row.id,
            "amount": row.amount,
            "currency": row.currency,
            "reason": reason,
        }
        audit.write(session, "payment.refunded", order.id, actor=actor, now=now, before=before, after=after)
        view = as_view(row)
    publish(tollgate, changed)
    return view


def _written(session: Session, claim: Claim, made: RefundMade) -> Refund:
    """Our row under the provider's reference, unless its webhook was faster and wrote one already."""
    ours = session.get(Refund, claim.refund)
    theirs = session.scalar(select(Refund).where(Refund.provider == claim.provider, Refund.reference == made.reference))
    if ours is not None and theirs is not None and ours is not theirs:
        session.delete(ours)
    row = theirs or ours
    if row is None:
        raise RefundInFlight(claim.refund)
    row.reference, row.state, row.link = made.reference, made.state, made.link
    session.flush()
    return row


def as_view(row: Refund) -> RefundView:
    """The view of a row that is loaded already."""
    return RefundView(
        row.id,
        row.payment_id,
        row.provider,
        row.reference,
        row.amount,
        row.currency,
        row.state,
        row.link,
        row.created_at,
    )
