from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
import requests
from standin import fixture

from providers import build
from providers.base import Refused, Unavailable, Unknown
from providers.events import Money, OpenedCheckout, Price

CREATE = "POST /v1/checkout/sessions"
CREATED = {"id": "cs_new", "url": "https://pay.example/cs_new", "expires_at": 1795086400, "livemode": False}


def form(request) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(request.body, keep_blank_values=True).items()}


def opened_with(cards, stripe_api, order) -> dict[str, str]:
    stripe_api.answers[CREATE] = CREATED
    cards.open(order)
    return form(stripe_api.sent[0])


def refusal(status, **error):
    return status, {"error": {"message": "Stripe says so", **error}}


def test_an_opened_session_says_where_to_pay_and_what(cards, stripe_api, order):
    stripe_api.answers[CREATE] = {**CREATED, "amount_subtotal": 2999, "currency": "usd"}
    expected = OpenedCheckout(
        "cs_new", "https://pay.example/cs_new", datetime.fromtimestamp(1795086400, UTC), False, Money(2999, "USD")
    )
    assert cards.open(order) == expected


def test_a_one_time_price_is_asked_for_with_our_ids_on_the_payment(cards, stripe_api, order):
    assert opened_with(cards, stripe_api, order) == {
        "mode": "payment",
        "line_items[0][price]": "price_pro",
        "line_items[0][quantity]": "1",
        "client_reference_id": "ord_1",
        "metadata[tollgate_order]": "ord_1",
        "metadata[tollgate_checkout]": "chk_1",
        "payment_intent_data[metadata][tollgate_order]": "ord_1",
        "payment_intent_data[metadata][tollgate_checkout]": "chk_1",
        "customer_creation": "always",
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "customer_email": "buyer@example.com",
        "expires_at": str(int(order.expires_at.timestamp())),
        "locale": "fr",
    }


def test_a_recurring_price_is_asked_for_with_our_ids_on_the_subscription(cards, stripe_api, order):
    sent = opened_with(cards, stripe_api, replace(order, recurring=True))
    assert (sent["mode"], sent["subscription_data[metadata][tollgate_order]"]) == ("subscription", "ord_1")
    assert not {"customer_creation", "payment_intent_data[metadata][tollgate_order]"} & set(sent)


def test_promotion_codes_and_tax_are_asked_for_where_the_offer_allows_them(cards, stripe_api, order):
    sent = opened_with(cards, stripe_api, replace(order, promotion_codes=True, automatic_tax=True, email=None))
    assert (sent["allow_promotion_codes"], sent["automatic_tax[enabled]"]) == ("true", "true")
    assert "customer_email" not in sent


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [(None, "auto"), ("", "auto"), ("fr_CA", "fr-CA"), ("de-AT", "de"), ("xx", "auto"), ("en-GB", "en-GB")],
)
def test_a_language_that_stripe_does_not_speak_is_left_to_the_browser(cards, stripe_api, order, wanted, sent):
    assert opened_with(cards, stripe_api, replace(order, locale=wanted))["locale"] == sent


def test_repeating_an_attempt_repeats_its_idempotency_key_and_body(cards, stripe_api, order):
    stripe_api.answers[CREATE] = CREATED
    cards.open(order)
    cards.open(replace(order, retry=True))
    first, second = stripe_api.sent
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "tollgate-chk_1-1"
    assert first.body == second.body


def test_a_new_attempt_has_a_new_idempotency_key(cards, stripe_api, order):
    opened_with(cards, stripe_api, replace(order, attempt=2))
    assert stripe_api.sent[0].headers["Idempotency-Key"] == "tollgate-chk_1-2"


def test_an_offer_without_a_price_is_refused_without_asking(cards, stripe_api, order):
    with pytest.raises(Refused):
        cards.open(replace(order, price=None))
    assert stripe_api.sent == []


@pytest.mark.parametrize(
    ("answer", "definite"),
    [
        (requests.ConnectionError("cut"), False),
        (requests.ReadTimeout("slow"), False),
        (refusal(409, code="idempotency_key_in_use"), False),
        (refusal(429), False),
        ((302, {}), False),
        ((200, "<html>"), False),
        ((200, []), False),
        ({}, False),
        ({"id": "cs_new"}, False),
        ({"url": "https://pay.example"}, False),
        (refusal(500), True),
        ((502, "<html>"), True),
        (refusal(503), True),
    ],
)
def test_a_create_call_without_usable_answer_says_whether_it_may_still_count(
    cards, stripe_api, order, answer, definite
):
    stripe_api.answers[CREATE] = answer
    with pytest.raises(Unavailable) as caught:
        cards.open(order)
    assert caught.value.definite is definite
    assert stripe_api.asked == [CREATE]


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, type="invalid_request_error", param="success_url"),
        refusal(400, type="idempotency_error"),
        refusal(400, type="invalid_request_error", code="resource_missing"),
        refusal(404, type="invalid_request_error"),
        refusal(401, type="invalid_request_error"),
        refusal(402, type="card_error"),
        refusal(403, type="invalid_request_error"),
    ],
)
def test_a_create_call_that_stripe_says_no_to_is_refused(cards, stripe_api, order, answer):
    stripe_api.answers[CREATE] = answer
    with pytest.raises(Refused, match="Stripe says so"):
        cards.open(order)


def test_no_key_shows_in_what_stripe_says(cards, stripe_api, order):
    stripe_api.answers[CREATE] = refusal(401, message="Invalid API Key provided: sk_test_abc")
    with pytest.raises(Refused) as caught:
        cards.open(order)
    assert "sk_test_abc" not in str(caught.value)


def test_closing_expires_the_session(cards, stripe_api):
    stripe_api.answers["POST /v1/checkout/sessions/cs_test_1/expire"] = fixture("stripe/session", status="expired")
    cards.close("cs_test_1")
    assert stripe_api.asked == ["POST /v1/checkout/sessions/cs_test_1/expire"]


@pytest.mark.parametrize("status", ["complete", "expired"])
def test_closing_a_closed_session_is_no_error(cards, stripe_api, status):
    stripe_api.answers["POST /v1/checkout/sessions/cs_test_1/expire"] = refusal(400, message="not open")
    stripe_api.answers["GET /v1/checkout/sessions/cs_test_1"] = fixture("stripe/session", status=status)
    cards.close("cs_test_1")
    assert len(stripe_api.sent) == 2


def test_a_session_that_stays_open_was_not_closed(cards, stripe_api):
    stripe_api.answers["POST /v1/checkout/sessions/cs_test_1/expire"] = refusal(403, message="no right to that")
    stripe_api.answers["GET /v1/checkout/sessions/cs_test_1"] = fixture("stripe/session", status="open")
    with pytest.raises(Refused, match="no right"):
        cards.close("cs_test_1")


PRICE = {"id": "price_pro", "active": True, "currency": "usd", "livemode": False, "unit_amount": 1200}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Price("price_pro", Money(1200, "USD"), active=True, interval=None)),
        (
            {"recurring": {"interval": "month", "interval_count": 3}},
            Price("price_pro", Money(1200, "USD"), active=True, interval="month", interval_count=3),
        ),
        ({"unit_amount": None, "billing_scheme": "tiered"}, Price("price_pro", None, active=True, interval=None)),
        (
            {"active": False, "livemode": True},
            Price("price_pro", Money(1200, "USD"), active=False, interval=None, livemode=True),
        ),
    ],
)
def test_a_price_is_told_as_stripe_holds_it(cards, stripe_api, changes, expected):
    stripe_api.answers["GET /v1/prices/price_pro"] = {**PRICE, **changes}
    assert cards.price("price_pro") == expected


def test_a_price_nobody_knows_is_unknown(cards, stripe_api):
    with pytest.raises(Unknown):
        cards.price("price_gone")
    assert stripe_api.asked == ["GET /v1/prices/price_gone"]


@pytest.mark.parametrize(
    ("key", "livemode"),
    [
        ("sk_test_a", False),
        ("rk_test_a", False),
        ("sk_live_a", True),
        ("rk_live_a", True),
        ("sandbox", None),
        ("pk_live_a", None),
    ],
)
def test_the_key_says_whether_money_is_real(key, livemode):
    assert build("stripe", secret_key=key, webhook_secrets=("whsec_a",)).livemode is livemode
