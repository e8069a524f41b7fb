"""Ask a provider for a checkout, once, however often and by however many it is tried.

One asker at a time (a lease on the checkout). Stripe repeats its answer for the same idempotency key; at BTCPay a retry
looks for the invoice that carries our nonce. So a cut connection or a killed process never makes a second one.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import books, failpoints, outbox, receipts
from app.models import Checkout, Customer, Order
from app.orders import DONE
from app.patience import ImpatientError
from app.problems import IdempotencyInFlight, ProviderFailed
from app.tollgate import Tollgate
from providers.base import OpensCheckout, Provider, ProviderError, Refused, Unavailable, is_refusal
from providers.events import CheckoutRequest, Money, OpenedCheckout

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
LIVE = ("opening", "open", "processing")


def find_live(session: Session, order_id: str, provider: str, *, now: datetime) -> Checkout | None:
    """The attempt at that provider that can still be paid, or that is being opened."""
    query = select(Checkout).where(
        Checkout.order_id == order_id, Checkout.provider == provider, Checkout.state.in_(LIVE)
    )
    rows = session.scalars(query.order_by(Checkout.created_at.desc()))
    return next((row for row in rows if row.reference is None or row.expires_at > now), None)


def finish(tollgate: Tollgate, order_id: str, provider: Provider) -> None:
    """Make sure the order's live checkout is open at that provider. Raises IdempotencyInFlight, ProviderFailed."""
    request = _claim(tollgate, order_id, provider.name)
    if request is None:
        return
    rail = provider.name
    if not isinstance(provider, OpensCheckout):
        raise ProviderFailed(rail, order_id=order_id, refused=True)
    failpoints.reach("order_before_provider")
    try:
        opened = _open(tollgate, provider, rail, request)
        _same_money(request, opened)
    except ProviderError as error:
        _give_up(tollgate, request, error)
        raise ProviderFailed(provider.name, order_id=order_id, refused=is_refusal(error)) from error
    failpoints.reach("order_after_provider")
    _keep(tollgate, request.checkout, opened)
    receipts.release(tollgate, provider.name, opened.reference)


def _open(tollgate: Tollgate, provider: OpensCheckout, rail: str, request: CheckoutRequest) -> OpenedCheckout:
    try:
        with tollgate.patience.slot(rail):
            return provider.open(request)
    except ImpatientError as error:
        raise Unavailable("too many requests wait for this rail") from error


def _claim(tollgate: Tollgate, order_id: str, provider: str) -> CheckoutRequest | None:
    """The request to send, with the lease taken; None when it is answered already. Raises IdempotencyInFlight."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        checkout = find_live(session, order_id, provider, now=now)
        if checkout is None or checkout.reference is not None or session.get_one(Order, order_id).status in DONE:
            return None
        tried = checkout.opening_until is not None or checkout.error is not None
        taken = session.execute(
            update(Checkout)
            .where(Checkout.id == checkout.id, Checkout.reference.is_(None))
            .where(Checkout.opening_until.is_(None) | (Checkout.opening_until < now))
            .values(opening_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )
        if not taken.rowcount:  # type: ignore[attr-defined]
            raise IdempotencyInFlight(order_id)
        session.refresh(checkout)  # whoever had it before may have given up meanwhile, and raised the attempt
        return _request(session, checkout, retry=tried or checkout.error is not None)


def _request(session: Session, checkout: Checkout, *, retry: bool) -> CheckoutRequest:
    order = session.get_one(Order, checkout.order_id)
    customer = session.get(Customer, order.customer_id) if order.customer_id else None
    frozen = checkout.parameters
    return CheckoutRequest(
        checkout=checkout.id,
        order=order.id,
        attempt=checkout.attempt,
        nonce=checkout.nonce,
        money=Money(checkout.amount, checkout.currency),
        plan=checkout.plan,
        description=frozen["description"],
        success_url=frozen["success_url"],
        cancel_url=frozen["cancel_url"],
        expires_at=checkout.expires_at,
        price=checkout.price,
        recurring=checkout.recurring,
        email=customer.email if customer else None,
        locale=frozen["locale"],
        promotion_codes=frozen["promotion_codes"],
        automatic_tax=frozen["automatic_tax"],
        retry=retry,
    )


def _same_money(request: CheckoutRequest, opened: OpenedCheckout) -> None:
    """Better no sale than a buyer who pays an amount we would then refuse."""
    if opened.money is not None and opened.money != request.money:
        raise Refused(
            f"the provider asks {opened.money}, the catalogue says {request.money}: run `tollgate plans check`"
        )


def _keep(tollgate: Tollgate, checkout_id: str, opened: OpenedCheckout) -> None:
    with tollgate.db.write() as session:
        # The order too: whoever settles it at this moment either finds this checkout open or is seen to have settled it.
        order = books.lock_order(session, tollgate, session.get_one(Checkout, checkout_id).order_id)
        checkout = session.get_one(Checkout, checkout_id, with_for_update=True, populate_existing=True)
        if checkout.reference is not None:
            return  # we were held up for longer than our lease: a buyer may be paying the one that somebody else opened
        checkout.reference = opened.reference
        checkout.url = opened.url
        if checkout.livemode is None:
            checkout.livemode = opened.livemode
        checkout.expires_at = opened.expires_at or checkout.expires_at
        checkout.state = "open"
        checkout.opening_until = None
        checkout.error = None
        if order.status in DONE:  # paid on another rail in the meantime
            outbox.add_closing(session, checkout, now=tollgate.clock())


def _give_up(tollgate: Tollgate, request: CheckoutRequest, error: ProviderError) -> None:
    """Hand the lease back. A new attempt number only where the provider itself said that this one came to nothing.

    A first 5xx does not say so: a session may have been made behind it, and asking the same again gives it to us. Only
    when that fails in the same way has Stripe kept the failure for this attempt.
    """
    log.warning("no checkout for %s: %s", request.checkout, error)
    definite = is_refusal(error) or (request.retry and isinstance(error, Unavailable) and error.definite)
    with tollgate.db.write() as session:
        checkout = session.get_one(Checkout, request.checkout, with_for_update=True)
        checkout.opening_until = None
        checkout.error = str(error)[:500]
        if definite:
            checkout.attempt += 1
            checkout.expires_at = tollgate.clock() + (checkout.expires_at - checkout.created_at)
