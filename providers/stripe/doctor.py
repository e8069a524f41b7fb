"""What may be wrong with the settings, found by asking Stripe."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import stripe

from providers.base import Diagnosis, ProviderError, Refused
from providers.stripe.api import Api

SKEW_SECONDS: Final = 60


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
    try:
        answer = api.call(api.v1.balance.retrieve)
    except Refused as error:
        if isinstance(
            error.__cause__, stripe.PermissionError
        ):  # a restricted key need not see the balance, and that is how it should be
            yield Diagnosis("stripe credentials", "ok", "accepted (restricted key)")
        else:
            yield Diagnosis(
                "stripe credentials", "error", str(error), "set STRIPE_SECRET_KEY to a valid secret or restricted key"
            )
        return
    except ProviderError as error:
        yield Diagnosis("stripe reachable", "error", str(error), "check the network, a proxy, STRIPE_API_BASE")
        return
    yield Diagnosis("stripe credentials", "ok", "accepted")
    yield from _clock((answer.last_response.headers if answer.last_response else {}).get("Date"), now)


def _clock(date: str | None, now: datetime) -> Iterator[Diagnosis]:
    try:
        skew = abs((parsedate_to_datetime(date or "") - now).total_seconds())
    except (TypeError, ValueError):
        return
    if skew > SKEW_SECONDS:
        yield Diagnosis(
            "clock", "error", f"{skew:.0f} s away from Stripe's", "run NTP: webhooks more than 300 s off are refused"
        )
    else:
        yield Diagnosis("clock", "ok", f"within {SKEW_SECONDS} s of Stripe's")


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
