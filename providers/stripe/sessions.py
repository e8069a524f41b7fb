"""Checkout sessions: how one is asked for, and what one says about a single payment."""

from dataclasses import replace
from typing import Any, Final

from providers.base import Refused, Unavailable
from providers.events import CheckoutRequest, CheckoutState, OpenedCheckout, PaymentFact, Snapshot, Sold
from providers.reading import flag, ident, moment, number, objects, text
from providers.stripe.api import Api
from providers.stripe.charges import money, refunds_of, state_of
from providers.stripe.webhooks import order_of

_LOCALES: Final = frozenset({
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hi-IN", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi",
    "zh", "zh-HK", "zh-TW",
})  # fmt: skip
_SETTLED: Final = frozenset({"paid", "no_payment_required"})
_DEAD_INTENTS: Final = frozenset({"requires_payment_method", "canceled"})


def parameters(request: CheckoutRequest) -> dict[str, Any]:
    """The body of the create call; the same request always makes the same body, or its idempotency key would be refused."""
    if not request.price:
        raise Refused("this offer has no Stripe price")
    ours = {"tollgate_order": request.order, "tollgate_checkout": request.checkout}
    params: dict[str, Any] = {
        "mode": "subscription" if request.recurring else "payment",
        "line_items": [{"price": request.price, "quantity": 1}],
        "client_reference_id": request.order,
        "metadata": ours,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "locale": _locale(request.locale),
    }
    if request.recurring:  # Stripe copies a session's metadata nowhere
        params["subscription_data"] = {"metadata": ours}
    else:
        params |= {"payment_intent_data": {"metadata": ours}, "customer_creation": "always"}
    if request.email:
        params["customer_email"] = request.email
    if request.promotion_codes:
        params["allow_promotion_codes"] = True
    if request.automatic_tax:
        params["automatic_tax"] = {"enabled": True}
    return params


def _locale(wanted: str | None) -> str:
    tag = (wanted or "").replace("_", "-")
    return next((choice for choice in (tag, tag.partition("-")[0]) if choice in _LOCALES), "auto")


def opened(session: dict[str, Any], *, livemode: bool | None) -> OpenedCheckout:
    """A created session. Raises Unavailable, not definite, when it names no id or no page to pay on."""
    reference, url = ident(session), text(session, "url")
    if reference is None or url is None:
        raise Unavailable("Stripe answered the create call without id or url")
    shown = flag(session, "livemode")
    return OpenedCheckout(
        reference=reference,
        url=url,
        expires_at=moment(session, "expires_at"),
        livemode=livemode if shown is None else shown,
        money=money(session, "amount_subtotal"),
    )


def common(api: Api, session: dict[str, Any]) -> Snapshot:
    """What sessions of every mode tell. The state says paid as soon as the session itself does. Raises Unavailable."""
    reference = ident(session)
    if reference is None:
        raise Unavailable("Stripe answered something that is no session")
    return Snapshot(
        reference=reference,
        state=_state(session),
        sold=_sold(api, session),
        payer_email=text(session, "customer_details", "email"),
        customer=ident(session, "customer"),
        url=text(session, "url"),
        expires_at=moment(session, "expires_at"),
    )


def _state(session: dict[str, Any]) -> CheckoutState:
    match session.get("status"), session.get("payment_status"):
        case "open", _:
            return CheckoutState.OPEN
        case "expired", _:
            return CheckoutState.EXPIRED
        case "complete", "unpaid":
            return CheckoutState.PROCESSING
        case "complete", settled if settled in _SETTLED:
            return CheckoutState.PAID
    raise Unavailable("Stripe answered a session in an unknown state")


def _sold(api: Api, session: dict[str, Any]) -> Sold:
    lines = objects(session, "line_items", "data") or api.pages(
        api.v1.checkout.sessions.line_items.list, str(ident(session))
    )
    line = lines[0] if len(lines) == 1 else {}
    return Sold(
        order=text(session, "client_reference_id") or order_of(session),
        amount=money(session, "amount_subtotal") or money(session, "amount_total"),
        price=ident(line, "price"),
        quantity=number(line, "quantity"),
        livemode=flag(session, "livemode"),
        discounted=(number(session, "total_details", "amount_discount") or 0) > 0,
        genuine=len(lines) <= 1 and session.get("mode") in ("payment", "subscription"),
    )


def with_payment(api: Api, session: dict[str, Any], base: Snapshot) -> Snapshot:
    """The snapshot of a one-time payment. Its reference is the session's. Raises Unavailable."""
    intent = _whole(api, session, "payment_intent")
    if base.state is CheckoutState.PROCESSING and intent.get("status") in _DEAD_INTENTS:
        return replace(base, state=CheckoutState.FAILED)
    if base.state is not CheckoutState.PAID:
        return base
    charge = _whole(api, intent, "latest_charge")
    charges = [charge] if charge else []
    paid, paid_at = money(session, "amount_total"), moment(charge, "created") or moment(session, "created")
    if paid is None or paid_at is None:
        raise Unavailable("Stripe answered a paid session without amount or time")
    fact = PaymentFact(base.reference, state_of(api, charges), paid, paid_at)
    return replace(base, payments=(fact,), refunds=refunds_of(api, charges, payment=base.reference))


def _whole(api: Api, thing: dict[str, Any], field: str) -> dict[str, Any]:
    """The object in that field, fetched where only its id is shown; {} where there is none."""
    value = thing.get(field)
    if isinstance(value, str) and value:
        fetch = {"payment_intent": api.v1.payment_intents.retrieve, "latest_charge": api.v1.charges.retrieve}[field]
        return api.find(fetch, value, {"expand": ["latest_charge.refunds" if field == "payment_intent" else "refunds"]})
    return value if isinstance(value, dict) else {}
