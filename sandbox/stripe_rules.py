"""What the imitated Stripe refuses. Names and limits are those of API 2026-10-28.endive."""

import re
from typing import Any, TypeAlias

from sandbox.state import Json, World

LOCALES = (
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl "
    "sv th tr vi zh zh-HK zh-TW"
)
ANY = None  # known by name; what is inside is not looked at
Known: TypeAlias = "dict[str, Known] | None"


def _names(text: str) -> dict[str, Known]:
    return dict.fromkeys(text.split(), ANY)


SESSION: dict[str, Known] = {
    **_names(
        "adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types billing_address_collection "
        "branding_settings cancel_url client_reference_id consent_collection currency custom_fields custom_text customer "
        "customer_account customer_creation customer_email customer_update excluded_payment_method_types expand expires_at "
        "integration_identifier locale managed_payments metadata mode name_collection optional_items origin_context "
        "payment_method_collection payment_method_configuration payment_method_data payment_method_options permissions "
        "phone_number_collection redirect_on_completion return_url saved_payment_method_options setup_intent_data "
        "shipping_address_collection shipping_options submit_type success_url tax_id_collection ui_mode wallet_options"
    ),
    "automatic_tax": _names("enabled liability"),
    "discounts": _names("coupon promotion_code"),
    "invoice_creation": _names("enabled invoice_data"),
    "line_items": _names("adjustable_quantity metadata price price_data quantity tax_rates"),
    "payment_intent_data": _names(
        "application_fee_amount capture_method description metadata on_behalf_of receipt_email setup_future_usage shipping "
        "statement_descriptor statement_descriptor_suffix transfer_data transfer_group"
    ),
    "subscription_data": _names(
        "application_fee_percent billing_cycle_anchor billing_cycle_anchor_config billing_mode default_tax_rates description "
        "invoice_settings metadata on_behalf_of pending_invoice_item_interval proration_behavior transfer_data trial_end "
        "trial_period_days trial_settings"
    ),
}
REFUND = _names(
    "amount charge currency customer expand instructions_email metadata origin payment_intent reason refund_application_fee "
    "reverse_transfer"
)
PORTAL = _names(
    "after_expiration configuration customer customer_account expand flow_data locale on_behalf_of return_url"
)
GET = _names("expand")  # and of requests that only name an object
ONE_OF = {
    "mode": "payment setup subscription",
    "ui_mode": "elements embedded_page form hosted_page",
    "locale": LOCALES,
    "customer_creation": "always if_required",
    "payment_method_collection": "always if_required",
    "billing_address_collection": "auto required",
    "reason": "duplicate fraudulent requested_by_customer",
    "allow_promotion_codes": "true false",
}
LONGEST = {"client_reference_id": 200, "success_url": 5000, "cancel_url": 5000}
EXCLUSIVE = (("customer", "customer_email"), ("allow_promotion_codes", "discounts"), ("charge", "payment_intent"))


class Refusal(Exception):
    """An answer in Stripe's error shape."""

    def __init__(self, message: str, *, status: int = 400, kind: str = "invalid_request_error", **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": kind, **more}


def check(params: Json, known: dict[str, Known]) -> None:
    """Refuse what this API version does not know or allow in any request."""
    _check_names(params, known, "")
    for name, allowed in ONE_OF.items():
        if name in params and params[name] not in allowed.split():
            options = ", ".join(allowed.split())
            raise Refusal(f"Invalid {name}: must be one of {options}", param=name)
    for name, length in LONGEST.items():
        if len(str(params.get(name, ""))) > length:
            raise Refusal(f"Invalid string: {name} must be at most {length} characters", param=name)
    for one, other in EXCLUSIVE:
        if one in params and other in params:
            raise Refusal(f"You may only specify one of these parameters: {one}, {other}.", param=one)
    for name in ("metadata", "payment_intent_data", "subscription_data"):
        given = params.get(name, {})
        check_metadata(given if name == "metadata" else given.get("metadata", {}))


def _check_names(given: Any, known: Known, path: str) -> None:
    if known is ANY:
        return
    if isinstance(given, list):
        for index, item in enumerate(given):
            _check_names(item, known, f"{path}[{index}]")
        return
    if not isinstance(given, dict):
        raise Refusal(f"Invalid {path}: must be an object", param=path)
    for name, below in given.items():
        here = f"{path}[{name}]" if path else name
        if name not in known:
            raise Refusal(f"Received unknown parameter: {here}", param=here, code="parameter_unknown")
        _check_names(below, known[name], here)


def check_metadata(metadata: Any) -> None:
    """At most 50 keys of 40 characters, values of 500."""
    if not isinstance(metadata, dict):
        raise Refusal("Invalid object: metadata must be a set of key-value pairs", param="metadata")
    if len(metadata) > 50:
        raise Refusal("Metadata can only have up to 50 keys.", param="metadata")
    for name, value in metadata.items():
        if len(name) > 40 or not isinstance(value, str) or len(value) > 500:
            raise Refusal(
                f"Metadata keys have up to 40 characters and string values up to 500: {name[:40]}", param="metadata"
            )


def check_session(params: Json, world: World) -> None:
    """Refuse a Checkout Session that Stripe would refuse."""
    check(params, SESSION)
    mode = params.get("mode")
    if mode not in ("payment", "subscription"):
        raise Refusal("This sandbox sells in mode payment or subscription.", param="mode", code="parameter_missing")
    _check_urls(params)
    _check_mode(params, mode)
    _check_expiry(params.get("expires_at"), world.now())
    email = params.get("customer_email")
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise Refusal(f"Invalid email address: {email}", param="customer_email", code="email_invalid")
    items = params.get("line_items")
    if not isinstance(items, list) or not items:
        raise Refusal("The `line_items` parameter is required in payment and subscription mode.", param="line_items")
    for index, item in enumerate(items):
        _check_item(item, f"line_items[{index}]", mode, world)


def check_portal(params: Json) -> None:
    """Refuse a portal session that Stripe would refuse. The customer is looked up by the caller."""
    check(params, PORTAL)
    if "customer" not in params:
        raise Refusal("Missing required param: customer.", param="customer", code="parameter_missing")
    _check_web_addresses(params, "return_url")


def _check_urls(params: Json) -> None:
    if "success_url" not in params:
        raise Refusal("Missing required param: success_url.", param="success_url", code="parameter_missing")
    _check_web_addresses(params, "success_url", "cancel_url")


def _check_web_addresses(params: Json, *names: str) -> None:
    for name in names:
        if not str(params.get(name, "https://")).startswith(("https://", "http://")):
            raise Refusal("Not a valid URL", param=name, code="url_invalid")


def _check_mode(params: Json, mode: str) -> None:
    foreign = {
        "payment": ["subscription_data"],
        "subscription": ["payment_intent_data", "customer_creation", "invoice_creation"],
    }
    for name in foreign[mode]:
        if name in params:
            raise Refusal(f"You can not pass `{name}` in `{mode}` mode.", param=name)


def _check_expiry(text: str | None, now: int) -> None:
    if text is None:
        return
    ahead = whole(text, "expires_at") - now
    if not 30 * 60 - 5 <= ahead <= 24 * 3600 + 5:
        raise Refusal(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation.",
            param="expires_at",
        )


def _check_item(item: Json, path: str, mode: str, world: World) -> None:
    if "price" not in item:
        raise Refusal("This sandbox sells stored prices only.", param=f"{path}[price]", code="parameter_missing")
    price = world.objects.get(item["price"])
    if price is None or price["object"] != "price":
        raise Refusal(f"No such price: '{item['price']}'", param=f"{path}[price]", code="resource_missing")
    if not price["active"]:
        raise Refusal("The price specified is inactive. This field only accepts active prices.", param=f"{path}[price]")
    if mode == "payment" and price["recurring"]:
        raise Refusal("You specified `payment` mode but passed a recurring price.", param="mode")
    if mode == "subscription" and not price["recurring"]:
        raise Refusal("You must provide at least one recurring price in `subscription` mode.", param="mode")
    if whole(item.get("quantity"), f"{path}[quantity]") < 1:
        raise Refusal("This value must be greater than or equal to 1.", param=f"{path}[quantity]")


def whole(text: Any, param: str) -> int:
    """An integer parameter."""
    try:
        return int(text)
    except (TypeError, ValueError):
        raise Refusal(f"Invalid integer: {text}", param=param, code="parameter_invalid_integer") from None
