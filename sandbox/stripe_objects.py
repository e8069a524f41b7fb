"""Stripe's objects as API 2026-10-28.endive shapes them, freshly made."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.config import PriceSpec
from sandbox.state import Json, World

API_VERSION = "2026-10-28.endive"
ACCOUNT = "acct_sandbox"
COLLECTIONS = {
    "charges": "charge",
    "checkout/sessions": "checkout.session",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "invoice_payments": "invoice_payment",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "prices": "price",
    "refunds": "refund",
    "subscriptions": "subscription",
}
FILTERS = {
    "charge": ("customer", "payment_intent"),
    "checkout.session": ("customer", "payment_intent", "status", "subscription"),
    "customer": ("email",),
    "dispute": ("charge", "payment_intent"),
    "event": ("type", "types", "delivery_success"),
    "invoice": ("customer", "status", "subscription"),
    "invoice_payment": ("invoice", "payment", "status"),
    "payment_intent": ("customer",),
    "price": ("active", "currency", "lookup_keys", "product", "type"),
    "refund": ("charge", "payment_intent"),
    "subscription": ("customer", "price", "status"),
}


def listing(data: list[Json], url: str, *, has_more: bool = False) -> Json:
    """A page of a list."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def new(world: World, kind: str, prefix: str, **fields: Any) -> Json:
    """A stored object with the fields that all kinds share."""
    made = {"id": world.new_id(prefix), "object": kind, "created": world.now(), "livemode": False, "metadata": {}}
    return world.put(made | fields)


def price(world: World, spec: PriceSpec) -> Json:
    """A stored price, with the id that the configuration gave it."""
    recurring = None
    if spec.interval:
        recurring = {
            "interval": spec.interval,
            "interval_count": 1,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        }
    return new(
        world,
        "price",
        "price_",
        id=spec.id,
        active=spec.active,
        billing_scheme="per_unit",
        currency=spec.currency,
        custom_unit_amount=None,
        lookup_key=None,
        nickname=None,
        product=f"prod_{spec.id}",
        recurring=recurring,
        tax_behavior="unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=spec.amount,
        unit_amount_decimal=str(spec.amount),
    )


def customer(world: World, email: str) -> Json:
    """A customer with an e-mail address."""
    return new(world, "customer", "cus_", email=email, name=None, delinquent=False)


def payment_intent(world: World, *, amount: int, currency: str, customer: str | None, metadata: Json) -> Json:
    """A payment intent nobody has paid yet."""
    return new(
        world,
        "payment_intent",
        "pi_",
        amount=amount,
        amount_capturable=0,
        amount_received=0,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic_async",
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        description=None,
        last_payment_error=None,
        latest_charge=None,
        metadata=metadata,
        payment_method=None,
        payment_method_types=["card"],
        status="requires_payment_method",
    )


def charge(world: World, intent: Json, *, status: str, email: str | None) -> Json:
    """An attempt to charge: succeeded | pending | failed."""
    paid = status == "succeeded"
    made = new(
        world,
        "charge",
        "ch_",
        amount=intent["amount"],
        amount_captured=intent["amount"] if paid else 0,
        amount_refunded=0,
        billing_details={"address": None, "email": email, "name": None, "phone": None, "tax_id": None},
        captured=paid,
        currency=intent["currency"],
        customer=intent["customer"],
        dispute=None,
        disputed=False,
        failure_code="card_declined" if status == "failed" else None,
        failure_message="Your card was declined." if status == "failed" else None,
        metadata=dict(intent["metadata"]),
        paid=paid,
        payment_intent=intent["id"],
        payment_method=None,
        receipt_email=None,
        refunded=False,
        status=status,
    )
    intent["latest_charge"] = made["id"]
    return made


def after(start: int, sold: Json) -> int:
    """The end of a price's period that starts then; months keep their day where they have it."""
    count, unit = sold["recurring"]["interval_count"], sold["recurring"]["interval"]
    moment = datetime.fromtimestamp(start, UTC)
    if unit in ("day", "week"):
        return int((moment + timedelta(days=count * (7 if unit == "week" else 1))).timestamp())
    months = moment.month - 1 + count * (12 if unit == "year" else 1)
    year, month = moment.year + months // 12, months % 12 + 1
    return int(moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1])).timestamp())


def refund(world: World, paid: Json, amount: int, params: Json) -> Json:
    """Money on its way back; the charge's own totals are the caller's to change."""
    return new(
        world,
        "refund",
        "re_",
        amount=amount,
        charge=paid["id"],
        currency=paid["currency"],
        metadata=params.get("metadata") or {},
        payment_intent=paid["payment_intent"],
        reason=params.get("reason"),
        receipt_number=None,
        status="succeeded",
    )


def dispute(world: World, paid: Json) -> Json:
    """A buyer's bank wants the money back."""
    return new(
        world,
        "dispute",
        "dp_",
        amount=paid["amount"],
        balance_transactions=[],
        charge=paid["id"],
        currency=paid["currency"],
        enhanced_eligibility_types=[],
        evidence={},
        evidence_details={
            "due_by": world.now() + 7 * 86400,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=False,
        payment_intent=paid["payment_intent"],
        reason="fraudulent",
        status="needs_response",
    )


def event(world: World, kind: str, about: Json) -> Json:
    """Something happened; `about` is frozen as it is now by whoever writes it down."""
    return new(
        world,
        "event",
        "evt_",
        api_version=API_VERSION,
        data={"object": about},
        pending_webhooks=1,
        request={"id": None, "idempotency_key": None},
        type=kind,
    )
