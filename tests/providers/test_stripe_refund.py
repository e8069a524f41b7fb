"""Giving money back by card, and what is sent for it."""

from urllib.parse import parse_qsl

import pytest
from standin import page

from providers.base import RefundMade, Refunds, Refused, Unavailable
from providers.events import Money

SESSION = {"id": "cs_test_1", "object": "checkout.session", "mode": "payment", "payment_intent": "pi_1"}
INVOICE = {
    "id": "in_1",
    "object": "invoice",
    "payments": page(
        {"id": "inpay_1", "status": "paid", "payment": {"type": "payment_intent", "payment_intent": "pi_9"}}
    ),
}
MADE = {"id": "re_1", "object": "refund", "status": "succeeded", "amount": 500, "currency": "usd"}
HALF = Money(500, "USD")


@pytest.fixture
def card_refund(cards, stripe_api):
    """Refund half of a payment."""
    stripe_api.answers |= {
        "GET /v1/checkout/sessions/cs_test_1": SESSION,
        "GET /v1/invoices/in_1": INVOICE,
        "GET /v1/refunds": page(),
        "POST /v1/refunds": MADE,
    }

    return lambda reference="cs_test_1", **more: cards.refund(reference, HALF, idempotency_key="ref_1", **more)


def sent_form(stripe_api):
    """The last body that was sent."""
    return dict(parse_qsl(stripe_api.sent[-1].body))


def test_cards_can_refund(cards):
    assert isinstance(cards, Refunds)


def test_a_one_time_payment_goes_back_through_its_payment_intent(card_refund, stripe_api):
    assert card_refund() == RefundMade("re_1", "succeeded")
    assert sent_form(stripe_api) == {"payment_intent": "pi_1", "amount": "500", "metadata[tollgate_refund]": "ref_1"}


def test_a_renewal_goes_back_through_its_invoice(card_refund, stripe_api):
    card_refund("in_1")
    assert sent_form(stripe_api)["payment_intent"] == "pi_9"


def test_the_same_refund_has_the_same_idempotency_key(card_refund, stripe_api):
    card_refund()
    card_refund()
    keys = [request.headers["Idempotency-Key"] for request in stripe_api.sent if request.method == "POST"]
    assert keys == ["tollgate-refund-ref_1"] * 2


def test_a_retry_finds_what_the_first_try_made(card_refund, stripe_api):
    stripe_api.answers["GET /v1/refunds"] = page({**MADE, "id": "re_7", "metadata": {"tollgate_refund": "ref_1"}})
    assert card_refund(retry=True).reference == "re_7"
    assert "POST /v1/refunds" not in stripe_api.asked


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            (400, {"error": {"code": "charge_already_refunded", "message": "Charge has already been refunded."}}),
            Refused,
        ),
        ((500, {"error": {"message": "down"}}), Unavailable),
        ({"object": "refund"}, Unavailable),
    ],
)
def test_a_refund_that_was_not_made_is_no_refund(card_refund, stripe_api, answer, error):
    stripe_api.answers["POST /v1/refunds"] = answer
    with pytest.raises(error):
        card_refund()


@pytest.mark.parametrize("reference", ["cs_test_1", "in_1"])
def test_where_nothing_was_charged_nothing_can_go_back(card_refund, stripe_api, reference):
    stripe_api.answers |= {
        "GET /v1/checkout/sessions/cs_test_1": {**SESSION, "payment_intent": None},
        "GET /v1/invoices/in_1": {**INVOICE, "payments": page()},
    }
    with pytest.raises(Refused):
        card_refund(reference)
