from datetime import timedelta

import pytest
import requests
import responses
from standin import NOW, STRIPE_URL, page

from providers import build

LISTS = [
    "checkout/sessions",
    "payment_intents",
    "charges",
    "refunds",
    "disputes",
    "invoices",
    "subscriptions",
    "prices",
    "events",
]


def found(provider, now=NOW):
    return {(line.name, line.level) for line in provider.diagnose(now)}


def restricted():
    return build("stripe", secret_key="rk_live_abc", webhook_secrets=("whsec_a",), api_base=STRIPE_URL)


def denied(status):
    return status, {"error": {"type": "invalid_request_error", "message": "no"}}


def test_all_is_well_with_a_good_key(cards, stripe_api):
    stripe_api.answers["GET /v1/balance"] = {"object": "balance", "livemode": False}
    assert found(cards) == {("stripe mode", "ok"), ("stripe credentials", "ok"), ("clock", "ok")}


def test_a_wrong_key_is_an_error(cards, stripe_api):
    stripe_api.answers["GET /v1/balance"] = denied(401)
    assert ("stripe credentials", "error") in found(cards)


def test_a_clock_that_would_refuse_webhooks_is_an_error(cards, stripe_api):
    stripe_api.answers["GET /v1/balance"] = {"object": "balance"}
    assert ("clock", "error") in found(cards, now=NOW + timedelta(minutes=2))


@pytest.mark.parametrize("status", [401, 403, 500])
def test_the_clock_is_checked_by_a_refusal_too(cards, stripe_api, status):
    stripe_api.answers["GET /v1/balance"] = denied(status)
    assert ("clock", "error") in found(cards, now=NOW + timedelta(minutes=2))


def test_a_stripe_that_does_not_answer_says_nothing_of_the_clock(cards, stripe_api):
    stripe_api.answers["GET /v1/balance"] = requests.ConnectionError("no route")
    assert found(cards) == {("stripe mode", "ok"), ("stripe reachable", "error")}


def test_a_restricted_key_need_not_see_the_balance(stripe_api):
    stripe_api.answers |= {"GET /v1/balance": denied(403)} | {f"GET /v1/{path}": page() for path in LISTS}
    assert found(restricted()) == {("stripe mode", "ok"), ("stripe credentials", "ok"), ("clock", "ok")}


@pytest.mark.parametrize(
    ("path", "right"),
    [("charges", "Charges"), ("invoices", "Invoices"), ("disputes", "Disputes"), ("events", "Events")],
)
def test_a_restricted_key_that_may_not_read_what_we_ask_is_an_error(stripe_api, path, right):
    stripe_api.answers |= {"GET /v1/balance": denied(403)} | {f"GET /v1/{path}": page() for path in LISTS}
    stripe_api.answers[f"GET /v1/{path}"] = denied(403)
    assert (f"stripe right: {right}", "error") in found(restricted())


def test_a_webhook_secret_of_another_kind_is_a_warning(stripe_api):
    provider = build("stripe", secret_key="sk_test_a", webhook_secrets=("sk_test_a",), api_base=STRIPE_URL)
    assert ("stripe webhook secret", "warning") in found(provider)


def test_a_publishable_key_is_a_warning(stripe_api: responses.RequestsMock):
    provider = build("stripe", secret_key="pk_live_a", webhook_secrets=("whsec_a",), api_base=STRIPE_URL)
    assert ("stripe mode", "warning") in found(provider)
