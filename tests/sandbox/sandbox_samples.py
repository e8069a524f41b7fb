"""What the gateway would send, and the secrets it shares with the sandbox."""

SECRET = "whsec_sandbox"
BTCPAY_SECRET = "sandbox-btcpay-secret"


def order(price: str = "price_pro", mode: str = "subscription", **more: object) -> dict:
    """Parameters of a Checkout Session as the gateway sends them."""
    told = {"metadata": {"order": "ord_1"}}
    extra = {"subscription_data": told} if mode == "subscription" else {"payment_intent_data": told}
    return {
        "mode": mode,
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": "http://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/",
        "metadata": {"order": "ord_1"},
        **extra,
        **more,
    }
