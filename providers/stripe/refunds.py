"""Giving a charge back. Our payment's reference is a session (one-time) or an invoice (subscription); both lead to an intent."""

from typing import Any

from providers.base import RefundMade, Refused, Unavailable
from providers.events import Money
from providers.reading import checked, ident, objects, text
from providers.stripe.api import Api
from providers.stripe.charges import REFUNDS

OURS = "tollgate_refund"


def refund(api: Api, payment_reference: str, money: Money, *, idempotency_key: str, retry: bool) -> RefundMade:
    """See Refunds. The idempotency key holds for a day; what an earlier try made is recognised by its metadata for ever."""
    paid = _paid_with(api, payment_reference)
    found = _made_before(api, paid, idempotency_key) if retry else None
    if found is None:
        params = {**paid, "amount": money.amount, "metadata": {OURS: idempotency_key}}
        found = api.ask(api.v1.refunds.create, params, {"idempotency_key": f"tollgate-refund-{idempotency_key}"})
    reference = ident(found)
    if reference is None:
        raise Unavailable("Stripe answered the refund call without id")
    return RefundMade(reference, REFUNDS.get(text(found, "status") or "", "pending"))


def _paid_with(api: Api, reference: str) -> dict[str, Any]:
    """The payment intent or charge behind a payment. Raises Refused where none is shown: nothing was charged."""
    if reference.startswith("in_"):
        invoice = api.ask(api.v1.invoices.retrieve, checked(reference), {"expand": ["payments"]})
        paid = [item for item in objects(invoice, "payments", "data") if item.get("status", "paid") == "paid"]
        found = [(kind, ident(item, "payment", kind)) for item in paid for kind in ("payment_intent", "charge")]
        found += [(kind, ident(invoice, kind)) for kind in ("payment_intent", "charge")]  # before API 2025-03-31
    else:
        session = api.ask(api.v1.checkout.sessions.retrieve, checked(reference))
        found = [("payment_intent", ident(session, "payment_intent"))]
    kind, handle = next(((kind, handle) for kind, handle in found if handle), ("", None))
    if handle is None:
        raise Refused("Stripe shows no charge behind this payment")
    return {kind: handle}


def _made_before(api: Api, paid: dict[str, Any], key: str) -> dict[str, Any] | None:
    return next((made for made in api.pages(api.v1.refunds.list, **paid) if text(made, "metadata", OURS) == key), None)
