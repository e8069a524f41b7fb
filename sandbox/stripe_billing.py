"""Stripe's subscriptions and invoices, freshly made."""

import copy

from sandbox import stripe_objects as objects
from sandbox.state import Json, World

PLAIN_INVOICE = {
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_shipping": 0,
    "attempt_count": 0,
    "attempted": False,
    "collection_method": "charge_automatically",
    "default_tax_rates": [],
    "discounts": [],
    "hosted_invoice_url": None,
    "issuer": {"type": "self"},
    "payment_settings": {"payment_method_options": None, "payment_method_types": None},
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "starting_balance": 0,
    "status": "open",
    "total_taxes": [],
}


def subscription(world: World, session: Json, metadata: Json) -> Json:
    """An active subscription to what the session sold. Its current period lives on the items."""
    now = world.now()
    made = world.put(
        {
            "id": world.new_id("sub_"),
            "object": "subscription",
            "automatic_tax": session["automatic_tax"],
            "billing_cycle_anchor": now,
            "billing_mode": {"type": "flexible"},
            "billing_schedules": [],
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "collection_method": "charge_automatically",
            "created": now,
            "currency": session["currency"],
            "customer": session["customer"],
            "discounts": [],
            "ended_at": None,
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
            "latest_invoice": None,
            "livemode": False,
            "metadata": metadata,
            "pause_collection": None,
            "start_date": now,
            "status": "active",
            "trial_end": None,
            "trial_start": None,
        }
    )
    items = [_item(world, made["id"], line) for line in world.lines[session["id"]]]
    made["items"] = objects.listing(items, f"/v1/subscription_items?subscription={made['id']}")
    return made


def _item(world: World, owner: str, line: Json) -> Json:
    now = world.now()
    return {
        "id": world.new_id("si_"),
        "object": "subscription_item",
        "created": now,
        "current_period_end": objects.after(now, line["price"]),
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "price": line["price"],
        "quantity": line["quantity"],
        "subscription": owner,
        "tax_rates": [],
    }


def invoice(world: World, agreement: Json, *, reason: str, amount: int, email: str | None) -> Json:
    """An open invoice over the current period of the subscription's items; `amount` is what is left after discounts."""
    made_id = world.new_id("in_")
    lines = [_line(world, made_id, item) for item in agreement["items"]["data"]]
    subtotal = sum(line["subtotal"] for line in lines)
    off = [{"amount": subtotal - amount, "discount": "di_sandbox"}] if amount < subtotal else []
    lines[0]["amount"], lines[0]["discount_amounts"] = lines[0]["subtotal"] - (subtotal - amount), off
    made = objects.new(
        world,
        "invoice",
        "in_",
        id=made_id,
        **copy.deepcopy(PLAIN_INVOICE),
        amount_due=amount,
        amount_remaining=amount,
        automatic_tax=agreement["automatic_tax"],
        billing_reason=reason,
        currency=agreement["currency"],
        customer=agreement["customer"],
        customer_email=email,
        lines=objects.listing(lines, f"/v1/invoices/{made_id}/lines"),
        number=f"SANDBOX-{len(world.objects):04}",
        parent={
            "quote_details": None,
            "subscription_details": {"metadata": agreement["metadata"], "subscription": agreement["id"]},
            "type": "subscription_details",
        },
        period_end=lines[0]["period"]["start"],
        period_start=lines[0]["period"]["start"],
        status_transitions=dict.fromkeys(("marked_uncollectible_at", "paid_at", "voided_at"))
        | {"finalized_at": world.now()},
        subtotal=subtotal,
        total=amount,
        total_discount_amounts=off,
    )
    agreement["latest_invoice"] = made_id
    return made


def _line(world: World, owner: str, item: Json) -> Json:
    amount = item["price"]["unit_amount"] * item["quantity"]
    return {
        "id": world.new_id("il_"),
        "object": "line_item",
        "amount": amount,
        "currency": item["price"]["currency"],
        "description": f"{item['quantity']} × {item['price']['id']}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": owner,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": item["subscription"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pricing": {
            "price_details": {"price": item["price"]["id"], "product": item["price"]["product"]},
            "type": "price_details",
            "unit_amount_decimal": item["price"]["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "subtotal": amount,
        "taxes": [],
    }


def invoice_payment(world: World, bill: Json, intent: Json) -> Json:
    """The link between an invoice and the payment intent that is to pay it."""
    return world.put(
        {
            "id": world.new_id("inpay_"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": bill["total"],
            "created": world.now(),
            "currency": bill["currency"],
            "invoice": bill["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
