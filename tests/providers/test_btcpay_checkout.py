import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests
from standin import NOW, fixture

from providers import build
from providers.base import Refused, Unavailable, Unknown
from providers.events import Money, OpenedCheckout

LIST = "GET /api/v1/stores/STORE1/invoices"
CREATE = "POST /api/v1/stores/STORE1/invoices"
INVOICE = "GET /api/v1/stores/STORE1/invoices/INV1abc"
MARK = "POST /api/v1/stores/STORE1/invoices/INV1abc/status"
OPENED = OpenedCheckout(
    "INV1abc", "https://pay.example/i/INV1abc", datetime.fromtimestamp(1795003600, UTC), None, Money(2999, "USD")
)


def body(bitcoin, btcpay_api, order):
    btcpay_api.answers[CREATE] = fixture("btcpay/invoice")
    bitcoin.open(order)
    return json.loads(btcpay_api.sent[-1].body)


@pytest.mark.parametrize("status", [200, 201])
def test_an_opened_invoice_says_where_to_pay_and_what(bitcoin, btcpay_api, order, status):
    btcpay_api.answers[CREATE] = (status, fixture("btcpay/invoice"))
    assert bitcoin.open(order) == OPENED


def test_an_invoice_is_asked_for_with_nothing_left_to_the_stores_settings(bitcoin, btcpay_api, order):
    assert body(bitcoin, btcpay_api, order) == {
        "amount": "29.99",
        "currency": "USD",
        "metadata": {
            "orderId": "ord_1",
            "tollgateCheckout": "chk_1",
            "tollgateNonce": order.nonce,
            "itemDesc": "Pro, 30 days",
            "buyerEmail": "buyer@example.com",
        },
        "checkout": {
            "speedPolicy": "MediumSpeed",
            "expirationMinutes": 60,
            "monitoringMinutes": 1440,
            "paymentTolerance": 0,
            "redirectURL": order.success_url,
            "redirectAutomatically": True,
            "defaultLanguage": "fr-FR",
        },
    }


@pytest.mark.parametrize(
    ("money", "amount"),
    [
        (Money(12000, "BTC"), "0.00012000"),
        (Money(1500, "JPY"), "1500"),
        (Money(1234, "KWD"), "1.234"),
        (Money(5, "EUR"), "0.05"),
    ],
)
def test_an_amount_is_sent_as_decimal_text_of_its_currency(bitcoin, btcpay_api, order, money, amount):
    assert body(bitcoin, btcpay_api, replace(order, money=money))["amount"] == amount


@pytest.mark.parametrize(("seconds", "minutes"), [(3600, 60), (3599, 60), (61, 2), (0, 1), (-5, 1)])
def test_the_time_to_pay_is_whole_minutes_and_at_least_one(bitcoin, btcpay_api, order, seconds, minutes):
    sent = body(bitcoin, btcpay_api, replace(order, expires_at=NOW + timedelta(seconds=seconds)))
    assert sent["checkout"]["expirationMinutes"] == minutes


@pytest.mark.parametrize("locale", [None, "", "en", "xx"])
def test_a_language_btcpay_might_refuse_is_left_to_the_browser(bitcoin, btcpay_api, order, locale):
    assert "defaultLanguage" not in body(bitcoin, btcpay_api, replace(order, locale=locale))["checkout"]


def test_a_nameless_buyer_stays_nameless(bitcoin, btcpay_api, order):
    assert "buyerEmail" not in body(bitcoin, btcpay_api, replace(order, email=None))["metadata"]


def test_a_retry_adopts_the_invoice_that_an_earlier_try_made(bitcoin, btcpay_api, order):
    btcpay_api.answers[LIST] = (
        200,
        [fixture("btcpay/invoice", id="STRANGER", metadata={"orderId": "ord_1"}), fixture("btcpay/invoice")],
    )
    assert bitcoin.open(replace(order, retry=True)) == OPENED
    assert btcpay_api.asked == [LIST]


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": {"orderId": "ord_1"}},
        {"metadata": {"orderId": "ord_1", "tollgateNonce": "another"}},
        {"amount": "1.00"},
        {"currency": "EUR"},
        {"status": "Invalid"},
    ],
)
def test_a_retry_does_not_adopt_what_is_not_ours(bitcoin, btcpay_api, order, changes):
    btcpay_api.answers |= {LIST: (200, [fixture("btcpay/invoice", **changes)]), CREATE: fixture("btcpay/invoice")}
    bitcoin.open(replace(order, retry=True))
    assert btcpay_api.asked == [LIST, CREATE]


@pytest.mark.parametrize("answer", [(500, {}), (200, "<html>"), requests.ConnectionError("cut")])
def test_a_retry_that_cannot_look_first_creates_nothing(bitcoin, btcpay_api, order, answer):
    btcpay_api.answers[LIST] = answer
    with pytest.raises(Unavailable):
        bitcoin.open(replace(order, retry=True))
    assert CREATE not in btcpay_api.asked


@pytest.mark.parametrize(
    ("answer", "definite"),
    [
        (requests.ConnectionError("cut"), False),
        (requests.ReadTimeout("slow"), False),
        ((302, {}), False),
        ((408, {}), False),
        ((429, {}), False),
        ((200, "<html>"), False),
        ((200, []), False),
        ({}, False),
        ({"id": "INV1abc"}, False),
        ((500, {}), True),
        ((503, "<html>"), True),
    ],
)
def test_a_create_call_without_usable_answer_is_made_once_and_says_whether_it_may_still_count(
    bitcoin, btcpay_api, order, answer, definite
):
    btcpay_api.answers[CREATE] = answer
    with pytest.raises(Unavailable) as caught:
        bitcoin.open(order)
    assert (caught.value.definite, btcpay_api.asked) == (definite, [CREATE])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_create_call_that_btcpay_says_no_to_is_refused(bitcoin, btcpay_api, order, status):
    btcpay_api.answers[CREATE] = (status, [{"path": "currency", "message": "no such currency"}])
    with pytest.raises(Refused, match="no such currency"):
        bitcoin.open(order)


def test_closing_an_unpaid_invoice_makes_it_invalid(bitcoin, btcpay_api):
    btcpay_api.answers |= {INVOICE: fixture("btcpay/invoice"), MARK: fixture("btcpay/invoice", status="Invalid")}
    bitcoin.close("INV1abc")
    assert json.loads(btcpay_api.sent[-1].body) == {"status": "Invalid"}


@pytest.mark.parametrize("status", ["Processing", "Settled", "Expired", "Invalid"])
def test_an_invoice_that_is_not_new_is_left_alone(bitcoin, btcpay_api, status):
    btcpay_api.answers[INVOICE] = fixture("btcpay/invoice", status=status)
    bitcoin.close("INV1abc")
    assert btcpay_api.asked == [INVOICE]


def test_a_part_paid_invoice_is_not_closed(bitcoin, btcpay_api):
    btcpay_api.answers[INVOICE] = fixture("btcpay/invoice", paidAmount="10.00")
    with pytest.raises(Refused):
        bitcoin.close("INV1abc")


def test_closing_without_the_right_to_it_is_refused(bitcoin, btcpay_api):
    btcpay_api.answers |= {INVOICE: fixture("btcpay/invoice"), MARK: (403, {"code": "missing-permission"})}
    with pytest.raises(Refused, match="missing-permission"):
        bitcoin.close("INV1abc")


def test_closing_an_invoice_nobody_knows_is_unknown(bitcoin, btcpay_api):
    with pytest.raises(Unknown):
        bitcoin.close("INV1abc")
    assert btcpay_api.asked == [INVOICE]


@pytest.mark.parametrize("setting", [{"url": " "}, {"store_id": ""}, {"store_id": "../x"}, {"api_key": ""}])
def test_a_store_that_cannot_be_one_is_refused_at_once(setting):
    settings = {"url": "https://btcpay.test", "api_key": "key", "store_id": "STORE1", "webhook_secrets": ("s",)}
    with pytest.raises(ValueError, match="BTCPay"):
        build("btcpay", **{**settings, **setting})
