"""Stripe's webhook endpoint, and those who knock at it without the right signature."""

import json
import time

import pytest
import stripe
from journey_shop import event_of, signed
from journey_values import OLD_SECRET, SECRETS


def completed_of(shop, bought):
    """The letter that says that the order's session is complete, and that it was paid meanwhile."""
    return next(letter for letter in shop.hold(bought, "pay") if letter.event == "checkout.session.completed")


def header(body, *, at=0, secret=SECRETS["stripe_webhook_secret"]):
    """As Stripe makes it, `at` seconds from now."""
    moment = int(time.time()) + at
    return stripe.WebhookSignature.generate_signature_header(body.decode("utf-8", "replace"), secret, moment)


BAD_SIGNATURES = {
    "missing": lambda body: {},
    "empty": lambda body: {"Stripe-Signature": ""},
    "garbage": lambda body: {"Stripe-Signature": "ceci n'est pas une signature"},
    "no time": lambda body: {"Stripe-Signature": "v1=" + header(body).partition("v1=")[2]},
    "time of another": lambda body: {
        "Stripe-Signature": f"t={int(time.time()) - 1},v1={header(body).rpartition('=')[2]}"
    },
    "no hash": lambda body: {"Stripe-Signature": header(body).partition(",")[0]},
    "v0 only": lambda body: {"Stripe-Signature": header(body).replace("v1=", "v0=")},
    "not ASCII": lambda body: {"Stripe-Signature": f"t={int(time.time())},v1=".encode() + b"\xe9\xe8" * 32},
    "wrong secret": lambda body: {"Stripe-Signature": header(body, secret="whsec_of_somebody_else")},
    "api key for secret": lambda body: {"Stripe-Signature": header(body, secret=SECRETS["stripe_secret_key"])},
    "empty secret": lambda body: {"Stripe-Signature": header(body, secret="")},
    "too old": lambda body: {"Stripe-Signature": header(body, at=-301)},
    "from the future": lambda body: {
        "Stripe-Signature": header(body, at=330)
    },  # the sender's clock may be 300 s ahead; a slow run takes some
    "of another body": lambda body: {"Stripe-Signature": header(b"{}")},
    "BTCPay's": lambda body: {"BTCPay-Sig": signed("btcpay", body)[1]["BTCPay-Sig"]},
}


@pytest.mark.parametrize("headers", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
def test_what_is_not_authentic_is_a_400_and_leaves_nothing(shop, headers):
    bought = shop.buy()
    completed = completed_of(shop, bought)
    body = json.dumps(event_of(completed)).encode()
    answer = shop.post("stripe", body, headers(body))
    assert (answer.status_code, answer.json()["code"], shop.gate(bought)) == (400, "bad_signature", "payment_required")
    assert shop.send(completed).json()["state"] == "applied"  # not "duplicate": the forged one was not stored


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b'{"id": "\xe9"}'])
def test_bytes_that_are_no_text_are_a_400(shop, body):
    answer = shop.post("stripe", body, {"Stripe-Signature": header(body)})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"text"', b"null", b"{", b"{}", b'{"id": 1, "type": 2}', b"[" * 100_000], ids=range(8)
)
def test_a_signed_body_that_is_no_event_is_a_400(shop, body):
    answer = shop.post("stripe", *signed("stripe", body))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "event",
    [
        {"id": "evt_thin", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found", "related_object": {}},
        {"id": "evt_new", "object": "event", "type": "never.heard.of", "data": {"object": {}}},
        {"id": "evt_odd", "object": "event", "type": "checkout.session.completed", "data": {"object": None}},
    ],
    ids=["thin", "unknown type", "no object"],
)
def test_a_signed_event_that_we_have_no_use_for_is_ignored(shop, event):
    answer = shop.post("stripe", *signed("stripe", event))
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")


def test_a_secret_that_is_being_rotated_out_still_counts(shop):
    bought = shop.buy()
    event = event_of(completed_of(shop, bought))
    answer = shop.post("stripe", *signed("stripe", event, secret=OLD_SECRET))
    assert answer.json()["state"] == "applied"
