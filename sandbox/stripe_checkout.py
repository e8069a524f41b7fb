"""Stripe's Checkout Sessions, freshly made."""

from sandbox.state import Json, World
from sandbox.stripe_objects import new


def line_item(world: World, given: Json) -> Json:
    """A line of a Checkout Session."""
    sold = world.objects[given["price"]]
    amount = sold["unit_amount"] * int(given["quantity"])
    return {
        "id": world.new_id("li_"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": sold["currency"],
        "description": sold["id"],
        "metadata": {},
        "price": sold,
        "quantity": int(given["quantity"]),
    }


def session(world: World, params: Json, base: str) -> Json:
    """An open Checkout Session."""
    lines = [line_item(world, given) for given in params["line_items"]]
    amount = sum(line["amount_subtotal"] for line in lines)
    made = new(
        world,
        "checkout.session",
        "cs_test_",
        allow_promotion_codes=params.get("allow_promotion_codes") == "true" or None,
        amount_subtotal=amount,
        amount_total=amount,
        automatic_tax=_automatic_tax(params),
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        currency=lines[0]["currency"],
        custom_fields=[],
        custom_text={},
        customer=params.get("customer"),
        customer_creation=None if params["mode"] == "subscription" else params.get("customer_creation", "if_required"),
        customer_details=None,
        customer_email=params.get("customer_email"),
        discounts=[],
        expires_at=int(params.get("expires_at", world.now() + 24 * 3600)),
        invoice=None,
        locale=params.get("locale"),
        metadata=params.get("metadata") or {},
        mode=params["mode"],
        payment_intent=None,
        payment_link=None,
        payment_method_types=["card"],
        payment_status="unpaid",
        shipping_options=[],
        status="open",
        subscription=None,
        success_url=params["success_url"],
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode=params.get("ui_mode", "hosted_page"),
    )
    made["url"] = f"{base}/stripe/c/pay/{made['id']}"
    world.lines[made["id"]] = lines
    world.told[made["id"]] = params
    return made


def _automatic_tax(params: Json) -> Json:
    enabled = params.get("automatic_tax", {}).get("enabled") == "true"
    return {"enabled": enabled, "liability": {"type": "self"} if enabled else None, "provider": None, "status": None}
