"""Giving bitcoin back: a pull payment that the payer claims, and the ones that somebody made in BTCPay itself."""

import json
import re

import pytest
from standin import BTCPAY_URL, StandIn

from providers.base import RefundMade, Refunds, Refused, ShowsRefund, Unavailable
from providers.events import Money, RefundFact

INVOICE = "/api/v1/stores/STORE1/invoices/INV1"
MADE = {
    "id": "PULL1",
    "name": "Refund ref_1",
    "currency": "USD",
    "amount": "5.00",
    "archived": False,
    "viewLink": "https://btcpay.test/pull-payments/PULL1",
}
HALF = Money(500, "USD")
METHODS = [{"paymentMethodId": "BTC-CHAIN", "currency": "BTC", "rate": "60000.0", "payments": []}]


@pytest.fixture
def bitcoin_refund(bitcoin, btcpay_api):
    """Refund half of a payment."""
    btcpay_api.answers[f"POST {INVOICE}/refund"] = MADE
    return lambda **more: bitcoin.refund("INV1", HALF, idempotency_key="ref_1", **more)


@pytest.fixture
def pulled(bitcoin, btcpay_api):
    """The refund behind a pull payment."""

    def _pulled(**changes):
        btcpay_api.answers |= {
            "GET /api/v1/pull-payments/PULL1": {**MADE, **changes},
            f"GET {INVOICE}": {"id": "INV1", "currency": "USD"},
        }
        return bitcoin.show_refund("INV1", "PULL1")

    return _pulled


def test_bitcoin_can_refund_and_show_refunds(bitcoin):
    assert isinstance(bitcoin, Refunds)
    assert isinstance(bitcoin, ShowsRefund)


def test_a_refund_is_a_page_where_the_payer_claims_it(bitcoin_refund):
    assert bitcoin_refund() == RefundMade("PULL1", "pending", "https://btcpay.test/pull-payments/PULL1")


def test_a_refund_is_of_the_price_that_was_paid_whatever_the_rate_is_now(bitcoin_refund, btcpay_api):
    bitcoin_refund()
    assert json.loads(btcpay_api.sent[-1].body) == {
        "name": "Refund ref_1",
        "refundVariant": "Custom",
        "customAmount": "5.00",
        "customCurrency": "USD",
    }


@pytest.fixture
def btcpay_api_unwatched(wire):
    """The list of pull payments is not in the description beside the checkout."""
    server = StandIn()
    for method in ("GET", "POST"):
        wire.add_callback(method, re.compile(re.escape(BTCPAY_URL) + ".*"), callback=server)
    return server


def test_a_retry_finds_what_the_first_try_made(bitcoin, btcpay_api_unwatched):
    btcpay_api_unwatched.answers["GET /api/v1/stores/STORE1/pull-payments"] = [[{**MADE, "id": "PULL7"}]]
    assert bitcoin.refund("INV1", HALF, idempotency_key="ref_1", retry=True).reference == "PULL7"


@pytest.mark.parametrize("status", [403, 404])
def test_a_retry_that_may_not_look_does_not_pay_twice(bitcoin, btcpay_api_unwatched, status):
    btcpay_api_unwatched.answers["GET /api/v1/stores/STORE1/pull-payments"] = (status, {"code": "missing-permission"})
    with pytest.raises(Unavailable, match="canviewpullpayments"):
        bitcoin.refund("INV1", HALF, idempotency_key="ref_1", retry=True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"code": "non-refundable"}), Refused),
        ((403, {"code": "missing-permission"}), Refused),
        ((500, {}), Unavailable),
        ({}, Unavailable),
    ],
)
def test_a_refund_that_was_not_made_is_no_refund(bitcoin_refund, btcpay_api, answer, error):
    btcpay_api.answers[f"POST {INVOICE}/refund"] = answer
    with pytest.raises(error):
        bitcoin_refund()


def test_a_refund_made_in_btcpay_is_known_by_its_pull_payment(pulled):
    assert pulled() == RefundFact("PULL1", "INV1", HALF, "pending")


def test_a_refund_in_bitcoin_counts_at_the_rate_of_its_invoice(pulled, btcpay_api):
    btcpay_api.answers[f"GET {INVOICE}/payment-methods"] = [METHODS]
    assert pulled(currency="BTC", amount="0.00010").money == Money(600, "USD")


def test_a_refund_that_was_taken_back_failed(pulled):
    assert pulled(archived=True).state == "failed"


@pytest.mark.parametrize("changes", [{"amount": None}, {"amount": "much"}, {"currency": "BTC"}])
def test_a_refund_of_no_known_amount_is_asked_for_again_later(pulled, btcpay_api, changes):
    btcpay_api.answers[f"GET {INVOICE}/payment-methods"] = [[]]
    with pytest.raises(Unavailable):
        pulled(**changes)
