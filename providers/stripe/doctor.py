"""What may be wrong with the settings, found by asking Stripe."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import stripe

from providers import clock
from providers.base import Diagnosis, ProviderError, Refused
from providers.stripe.api import Api


def diagnose(api: Api, *, secret_key: str, webhook_secrets: tuple[str, ...], now: datetime) -> Iterator[Diagnosis]:
    """Key, clock, rights and webhook secret, a line each. Never raises."""
    yield from _key(secret_key)
    yield from _reach(api, now)
    if secret_key.startswith("rk_"):
        yield from _rights(api)
    if not all(secret.startswith("whsec_") for secret in webhook_secrets):
        yield Diagnosis(
            "stripe webhook secret",
            "warning",
            "does not start with whsec_",
            "copy the signing secret of the webhook endpoint",
        )


def _key(secret_key: str) -> Iterator[Diagnosis]:
    kind, _, mode = secret_key.partition("_")
    if kind in ("sk", "rk") and mode.startswith(("test_", "live_")):
        yield Diagnosis("stripe mode", "ok", mode[:4])
    else:
        yield Diagnosis(
            "stripe mode", "warning", "neither a test nor a live secret key", "use a key that starts with sk_ or rk_"
        )


def _reach(api: Api, now: datetime) -> Iterator[Diagnosis]:
    headers: Mapping[str, str] | None = None
    try:
        answer = api.call(api.v1.balance.retrieve)
    except ProviderError as error:
        yield _said(error)
        if isinstance(error.__cause__, stripe.StripeError):
            headers = error.__cause__.headers
    else:
        yield Diagnosis("stripe credentials", "ok", "accepted")
        if answer.last_response:
            headers = answer.last_response.headers
    fix = "run NTP: webhooks more than 300 s off are refused"
    yield from clock.compare((headers or {}).get("Date"), now, whose="Stripe's", level="error", fix=fix)


def _said(error: ProviderError) -> Diagnosis:
    if not isinstance(error, Refused):
        return Diagnosis("stripe reachable", "error", str(error), "check the network, a proxy, STRIPE_API_BASE")
    if isinstance(error.__cause__, stripe.PermissionError):
        # a restricted key need not see the balance, and that is how it should be
        return Diagnosis("stripe credentials", "ok", "accepted (restricted key)")
    fix = "set STRIPE_SECRET_KEY to a valid secret or restricted key"
    return Diagnosis("stripe credentials", "error", str(error), fix)


def _rights(api: Api) -> Iterator[Diagnosis]:
    lists = {
        "Checkout Sessions": api.v1.checkout.sessions.list,
        "Payment Intents": api.v1.payment_intents.list,
        "Charges": api.v1.charges.list,
        "Refunds": api.v1.refunds.list,
        "Disputes": api.v1.disputes.list,
        "Invoices": api.v1.invoices.list,
        "Subscriptions": api.v1.subscriptions.list,
        "Prices": api.v1.prices.list,
        "Events": api.v1.events.list,
    }
    for right, method in lists.items():
        try:
            api.call(method, {"limit": 1})
        except Refused:
            yield Diagnosis(
                f"stripe right: {right}",
                "error",
                "the restricted key may not read them",
                f"give the key read access to {right}",
            )
        except ProviderError as error:
            yield Diagnosis(f"stripe right: {right}", "warning", str(error))
