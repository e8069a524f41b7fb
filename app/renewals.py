"""More time on a key that is there already: on either rail, early or late. Days stack; no key changes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from app import books, checkout, subscribing
from app.checkout import NewOrder
from app.ledger import Entry
from app.models import Checkout, Order
from app.orders import order_url
from app.pricing import Quote
from app.problems import NoPortal, NotRenewable, ProviderFailed
from app.tollgate import Tollgate
from app.views import OrderView
from keystore.verdict import KeyRecord
from providers.base import ConvertsMoney, OpensPortal, ProviderError, is_refusal
from providers.events import PaymentState
from providers.http import BUDGET_SECONDS, within

INTERVAL = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a renewal would cost and bring, had it been paid now. Nothing is created."""

    plan: str
    provider: str
    amount: int
    currency: str
    sats: int | None  # at this moment's rate, where a bitcoin rail is configured
    starts_at: datetime  # when the new time begins, and with it the plan, where that is another
    ends_at: datetime | None  # when everything paid for would be over
    recurring: bool


@within(BUDGET_SECONDS)
def open_renewal(tollgate: Tollgate, record: KeyRecord, new: NewOrder) -> OrderView:
    """An order for more time. Raises NotRenewable and whatever opening an order can raise."""
    _check(tollgate, record, new)
    return checkout.open_order(tollgate, replace(new, renews=record.entitlement)).order


@within(BUDGET_SECONDS)
def preview(tollgate: Tollgate, record: KeyRecord, new: NewOrder) -> Preview:
    """Fold the ledger as if the renewal were paid now. Raises what `open_renewal` raises."""
    _check(tollgate, record, new)
    priced = checkout.quote_of(tollgate, new.plan, new.provider)
    now = tollgate.clock()
    with tollgate.db.read() as session:
        before = books.fold(session, tollgate, record.entitlement, now=now)
        after = books.fold(session, tollgate, record.entitlement, now=now, extra=(_as_if_paid(priced, now),))
    covered_until = now if not before.segments else max(now, before.segments[-1].ends_at)
    return Preview(
        plan=priced.plan,
        provider=priced.provider,
        amount=priced.money.amount,
        currency=priced.money.currency,
        sats=_sats(tollgate, priced),
        starts_at=now if priced.recurring else covered_until,
        ends_at=after.ends_at,
        recurring=priced.recurring,
    )


def portal(tollgate: Tollgate, entitlement_id: str) -> str:
    """A fresh link to the billing portal of whoever pays this entitlement by card. Raises NoPortal, ProviderFailed."""
    with tollgate.db.read() as session:
        row = session.scalars(
            select(Checkout)
            .join(Order)
            .where(Order.entitlement_id == entitlement_id, Checkout.agreement.is_not(None), Checkout.payer.is_not(None))
            .order_by(Checkout.created_at.desc())
        ).first()
    provider = tollgate.providers.get(row.provider, None) if row else None
    if row is None or row.payer is None or provider is None:
        raise NoPortal(entitlement_id)
    if not isinstance(provider, OpensPortal):
        raise NoPortal(entitlement_id)
    try:
        return provider.portal(row.payer, order_url(tollgate, row.order_id))
    except ProviderError as error:
        raise ProviderFailed(row.provider, order_id=None, refused=is_refusal(error)) from error


def _check(tollgate: Tollgate, record: KeyRecord, new: NewOrder) -> None:
    """Renewing needs something to renew, and one subscription is enough."""
    if record.ent_status in ("pending", "revoked"):
        raise NotRenewable("pay the first order instead" if record.ent_status == "pending" else "it was revoked")
    if record.ent_status == "active" and record.ends_at is None:
        raise NotRenewable("it never ends")
    priced = checkout.quote_of(tollgate, new.plan, new.provider)
    with tollgate.db.read() as session:
        subscribing.check(session, record.entitlement, recurring=priced.recurring)


def _as_if_paid(priced: Quote, now: datetime) -> Entry:
    term = priced.term or INTERVAL.get(priced.interval or "month", INTERVAL["month"]) * priced.interval_count
    fixed = (
        {"covers_from": now, "covers_to": now + term} if priced.recurring else {"seconds": int(term.total_seconds())}
    )
    return Entry(
        "preview", "preview", "preview", PaymentState.PAID, now, priced.plan, amount=priced.money.amount, **fixed
    )


def _sats(tollgate: Tollgate, priced: Quote) -> int | None:
    """Nice to know, so a rail that does not answer only leaves it out."""
    for provider in tollgate.providers.values():
        if isinstance(provider, ConvertsMoney):
            try:
                return provider.sats(priced.money)
            except ProviderError:
                return None
    return None
