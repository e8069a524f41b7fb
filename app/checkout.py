"""Open an order, and attempts to pay it. The key is born here, with the order, before any provider is asked.

Order of things: commit order, entitlement, key and frozen checkout → ask the provider, no transaction open → commit its
reference → release notifications that came before it. Whatever dies between two of these steps, a replay goes on from there.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import books, idempotency, opening, return_urls, shelf, subscribing
from app.books import keystore
from app.catalog import NotOnSale
from app.freshness import publish
from app.models import Checkout, Customer, Order
from app.orders import order_url, page_of, view_order
from app.pricing import Quote, quote
from app.problems import IdempotencyMismatch, OrderClosed, OrderNotFound, ProviderFailed, UnknownProvider
from app.tollgate import Tollgate
from app.views import OpenedOrder, OrderView
from keystore.changes import Change
from keystore.ids import new_id
from keystore.secret import Secret, derive_seed
from providers.base import Provider, ProviderError, is_refusal
from providers.http import BUDGET_SECONDS, within

log = logging.getLogger(__name__)

LIFETIME = {"stripe": timedelta(hours=23)}  # Stripe takes 30 minutes to 24 hours
SHORT_LIFETIME = timedelta(hours=1)  # a bitcoin invoice fixes its exchange rate: not for long
REPLAY_SHOWS_KEY = timedelta(hours=24)
PAYABLE = ("open", "processing", "expired", "canceled")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a buyer asks for. The idempotency key is checked already (`idempotency.check`)."""

    plan: str
    provider: str
    email: str | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    locale: str | None = None
    idempotency_key: Secret | None = None
    renews: str | None = None  # the entitlement to give more time; None makes a new one, with its key


@within(BUDGET_SECONDS)  # price and checkout together: a buyer waits ten seconds at most
def open_order(tollgate: Tollgate, new: NewOrder) -> OpenedOrder:
    """Sell a plan. Raises UnknownPlan, UnknownProvider, NotOnSale, ForeignReturnUrl, Idempotency…, ProviderFailed."""
    for url in filter(None, (new.success_url, new.cancel_url)):
        return_urls.check(
            url, public_url=tollgate.settings.public_url, allowed_hosts=tollgate.settings.allowed_return_hosts
        )
    secret = None
    known = _find_replayed(tollgate, new)
    if known is None:
        priced = quote_of(tollgate, new.plan, new.provider)
        try:
            known, secret = _commit_order(tollgate, new, priced)
        except IntegrityError:  # the same Idempotency-Key, at the same moment: the other one was first
            known = _find_replayed(tollgate, new)
            if known is None:
                raise
    opening.finish(tollgate, known, _provider(tollgate, new.provider))
    return OpenedOrder(view_order(tollgate, known), secret or _replayed_secret(tollgate, known, new))


@within(BUDGET_SECONDS)
def add_checkout(tollgate: Tollgate, order_id: str, provider: str) -> OrderView:
    """Another attempt on the same order, usually on the other rail. A live one at that provider is given again."""
    with tollgate.db.read() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        plan = order.plan
    priced = quote_of(tollgate, plan, provider, order_id=order_id)
    now = tollgate.clock()
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, order_id)
        if order.status not in PAYABLE:
            raise OrderClosed(order.status)
        if opening.find_live(session, order_id, provider, now=now) is None:
            subscribing.check(session, order.entitlement_id, recurring=priced.recurring)
            session.add(_freeze(tollgate, order, priced, now=now))
            order.status = "open" if order.status in ("expired", "canceled") else order.status
    opening.finish(tollgate, order_id, _provider(tollgate, provider))
    return view_order(tollgate, order_id)


def quote_of(tollgate: Tollgate, plan: str, provider_name: str, *, order_id: str | None = None) -> Quote:
    """What a plan costs on that rail now. Raises UnknownPlan, UnknownProvider, NotOnSale, ProviderFailed."""
    tollgate.catalog.plan(plan)
    provider = _provider(tollgate, provider_name)
    offer = shelf.offer(tollgate, plan, provider_name)
    try:
        return quote(offer, provider, tollgate.prices, now=tollgate.clock())
    except NotOnSale:
        log.exception("an offer of the catalogue cannot be sold; `tollgate plans check` says more")
        raise
    except ProviderError as error:
        log.warning("no price from %s: %s", provider_name, error)
        raise ProviderFailed(provider_name, order_id=order_id, refused=is_refusal(error)) from error


def _provider(tollgate: Tollgate, name: str) -> Provider:
    try:
        return tollgate.providers[name]
    except KeyError:
        raise UnknownProvider(name) from None


def _commit_order(tollgate: Tollgate, new: NewOrder, priced: Quote) -> tuple[str, Secret | None]:
    """One transaction: order and frozen checkout; for a new sale customer, pending entitlement and key too."""
    now = tollgate.clock()
    order = Order(
        id=new_id("ord"),
        plan=new.plan,
        kind="renewal" if new.renews else "new",
        flags={},
        locale=new.locale,
        success_url=new.success_url,
        cancel_url=new.cancel_url,
        created_at=now,
        **_idempotency_columns(tollgate, new),
    )
    secret: Secret | None = None
    changed: Change | None = None
    with tollgate.db.write() as session:
        if new.renews:
            changed = _renew(session, tollgate, order, new.renews, recurring=priced.recurring)
        else:
            secret = _begin(session, tollgate, order, new)
        session.add(order)
        session.flush()
        session.add(_freeze(tollgate, order, priced, now=now))
    publish(tollgate, changed)
    return order.id, secret


def _renew(session: Session, tollgate: Tollgate, order: Order, renews: str, *, recurring: bool) -> Change | None:
    """The order names what is there. A key that was given away has had no page until now: it goes by this order's."""
    store = keystore(session, tollgate)
    entitlement = store.lock(renews)
    subscribing.check(session, entitlement.id, recurring=recurring)
    order.entitlement_id, order.customer_id = entitlement.id, entitlement.owner
    return None if page_of(tollgate, entitlement.reference) else store.refer(entitlement.id, order.id)


def _begin(session: Session, tollgate: Tollgate, order: Order, new: NewOrder) -> Secret:
    """Customer, pending entitlement and pending key, of which only the MAC is kept."""
    key_id, settings = new_id("key", 12), tollgate.settings
    seed = secrets.token_bytes(32)
    if new.idempotency_key:
        seed = derive_seed(settings.secret_bytes, new.idempotency_key.reveal(), key_id)
    customer = Customer(id=new_id("cus"), email=new.email, created_at=order.created_at)
    session.add(customer)
    issued = keystore(session, tollgate).issue(
        order.id,
        new.plan,
        now=order.created_at,
        mode=settings.mode,
        seed=seed,
        owner=customer.id,
        key_id12=key_id.removeprefix("key_"),
    )
    order.customer_id, order.entitlement_id, order.key_id = customer.id, issued.entitlement_id, issued.key_id
    return issued.secret


def _freeze(tollgate: Tollgate, order: Order, priced: Quote, *, now: datetime) -> Checkout:
    """What is sold, written down before the provider is asked."""
    offer = tollgate.catalog.offer(priced.plan, priced.provider)
    provider = tollgate.providers[priced.provider]
    url = order_url(tollgate, order.id)
    return Checkout(
        id=new_id("chk"),
        order_id=order.id,
        provider=priced.provider,
        account=provider.account,
        livemode=provider.livemode,
        nonce=secrets.token_hex(16),
        plan=priced.plan,
        price=priced.price,
        recurring=priced.recurring,
        amount=priced.money.amount,
        currency=priced.money.currency,
        term_seconds=int(priced.term.total_seconds()) if priced.term else None,
        parameters={
            "success_url": order.success_url or url,
            "cancel_url": order.cancel_url or url,
            "description": tollgate.catalog.plan(priced.plan).name,
            "locale": order.locale,
            "promotion_codes": offer.promotion_codes,
            "automatic_tax": offer.automatic_tax,
            "late": offer.late,
        },
        expires_at=now + LIFETIME.get(priced.provider, SHORT_LIFETIME),
        created_at=now,
    )


def _idempotency_columns(tollgate: Tollgate, new: NewOrder) -> dict[str, bytes]:
    if not new.idempotency_key:
        return {}
    fingerprint = idempotency.fingerprint(tollgate.settings.secret_bytes, new.idempotency_key.reveal())
    return {"idempotency": fingerprint, "body_hash": _body_hash(new)}


def _body_hash(new: NewOrder) -> bytes:
    fields = ("plan", "provider", "email", "success_url", "cancel_url", "locale", "renews")
    return idempotency.body_hash(**{name: getattr(new, name) for name in fields})


def _find_replayed(tollgate: Tollgate, new: NewOrder) -> str | None:
    """The order that this Idempotency-Key opened before; raises IdempotencyMismatch when it asked for something else."""
    columns = _idempotency_columns(tollgate, new)
    if not columns:
        return None
    with tollgate.db.read() as session:
        order = session.scalar(select(Order).where(Order.idempotency == columns["idempotency"]))
        if order is None:
            return None
        if order.body_hash != columns["body_hash"]:
            raise IdempotencyMismatch(order.id)
        return order.id


def _replayed_secret(tollgate: Tollgate, order_id: str, new: NewOrder) -> Secret | None:
    """The key again, derived and not stored: until its first use and for a day."""
    if new.idempotency_key is None:
        return None
    with tollgate.db.read() as session:
        order = session.get_one(Order, order_id)
        if order.key_id is None:
            return None
        key = keystore(session, tollgate).get_key(order.key_id)
        over = tollgate.clock() - order.created_at > REPLAY_SHOWS_KEY
        if over or key.last_used_at is not None or key.successor_id is not None:
            return None
        seed = derive_seed(tollgate.settings.secret_bytes, new.idempotency_key.reveal(), key.id)
        return keystore(session, tollgate).rebuild(key, seed=seed, mode=tollgate.settings.mode)
