"""Stripe's notifications: verify, then reduce. Pure.

Old and new event shapes alike: the shape follows the API version of the webhook endpoint, not ours.
"""

import json
from typing import Any, Final

import stripe

from providers.base import NotAuthentic, Unreadable
from providers.events import Hint, Notification
from providers.reading import dig, flag, ident, text

EVENTS: Final = {
    "checkout.session.completed": "session",
    "checkout.session.async_payment_succeeded": "session",
    "checkout.session.async_payment_failed": "session",
    "checkout.session.expired": "session",
    "invoice.paid": "invoice",
    "invoice.payment_failed": "invoice",
    "invoice.payment_action_required": "invoice",
    "invoice.voided": "invoice",
    "invoice.marked_uncollectible": "invoice",
    "customer.subscription.created": "subscription",
    "customer.subscription.updated": "subscription",
    "customer.subscription.deleted": "subscription",
    "customer.subscription.paused": "subscription",
    "customer.subscription.resumed": "subscription",
    "customer.subscription.trial_will_end": "subscription",
    "charge.refunded": "money",
    "charge.refund.updated": "money",
    "refund.created": "money",
    "refund.updated": "money",
    "refund.failed": "money",
    "charge.dispute.created": "money",
    "charge.dispute.updated": "money",
    "charge.dispute.closed": "money",
    "charge.dispute.funds_withdrawn": "money",
    "charge.dispute.funds_reinstated": "money",
}
TOLERANCE_SECONDS: Final = 300


def verify(note: Notification, secrets: tuple[str, ...]) -> None:
    """Raises NotAuthentic. Two secrets are accepted while one is being rolled."""
    header = note.headers.get("stripe-signature", "")
    if not any(_signed(note.body, header, secret) for secret in secrets):
        raise NotAuthentic("Stripe-Signature is missing or wrong")
    if abs(int(note.received_at.timestamp()) - _signed_at(header)) > TOLERANCE_SECONDS:  # the SDK lets the future pass
        raise NotAuthentic("Stripe-Signature is too old or too young: replay, or a wrong clock")


def _signed(body: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, header, secret)
    except (stripe.SignatureVerificationError, TypeError, ValueError):
        return False  # TypeError: non-ASCII signature; ValueError: a body that is not UTF-8, which Stripe never signs
    return True


def _signed_at(header: str) -> int:
    """The first `t=`, as the SDK reads it: another one might not be the signed one."""
    try:
        return int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
    except (StopIteration, ValueError) as error:
        raise NotAuthentic("Stripe-Signature names no time") from error


def reduce(note: Notification) -> list[Hint]:
    """What a verified notification points at; [] for event types we have no use for. Raises Unreadable."""
    event = _parse(note.body)
    if text(event, "id") is None or text(event, "type") is None:
        raise Unreadable("an event without id or type")
    return hints_of(event)


def hints_of(event: dict[str, Any]) -> list[Hint]:
    """The same for an event that Stripe's API itself gave us."""
    event_id, kind = text(event, "id"), text(event, "type")
    thing = dig(event, "data", "object")
    if event_id is None or kind is None or kind not in EVENTS or not isinstance(thing, dict):
        return []
    hint = Hint(
        event_id,
        kind,
        account=text(event, "account"),
        livemode=flag(event, "livemode"),
        **_handles(EVENTS[kind], thing),
    )
    return [hint]


def _parse(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(event, dict):
        raise Unreadable("not an object")
    return event


def _handles(shape: str, thing: dict[str, Any]) -> dict[str, str | None]:
    ours = {"order": order_of(thing), "checkout": checkout_of(thing)}
    if shape == "session":
        return {"reference": ident(thing), "agreement": ident(thing, "subscription"), **ours}
    if shape == "subscription":
        return {"agreement": ident(thing), **ours}
    if shape == "invoice":
        return {"agreement": agreement_of(thing), **ours}
    return {"payment": ident(thing, "payment_intent") or ident(thing, "charge") or ident(thing), **ours}


def agreement_of(invoice: dict[str, Any]) -> str | None:
    """The subscription an invoice bills; it moved under `parent` with API 2025-03-31."""
    return ident(invoice, "parent", "subscription_details", "subscription") or ident(invoice, "subscription")


def order_of(thing: dict[str, Any]) -> str | None:
    """Our order id, from wherever this object carries what we planted."""
    return _planted(thing, "tollgate_order") or text(thing, "client_reference_id")


def checkout_of(thing: dict[str, Any]) -> str | None:
    """Our checkout id, likewise: an order may have had several sessions."""
    return _planted(thing, "tollgate_checkout")


def _planted(thing: dict[str, Any], name: str) -> str | None:
    return (
        text(thing, "metadata", name)
        or text(thing, "parent", "subscription_details", "metadata", name)
        or text(thing, "subscription_details", "metadata", name)
    )
