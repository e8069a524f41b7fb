"""What each rail says was paid, for when our own books may have a gap."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from standin import NOW, page

from providers.base import ListsPayments, SeenPayment, Unavailable
from providers.events import Money

SINCE = NOW - timedelta(days=3)
CREATED = int(NOW.timestamp())
SESSION = {
    "id": "cs_1",
    "status": "complete",
    "payment_status": "paid",
    "amount_total": 1200,
    "currency": "usd",
    "created": CREATED,
    "metadata": {"tollgate_order": "ord_1"},
}
INVOICE = {
    "id": "in_1",
    "status": "paid",
    "amount_paid": 1200,
    "currency": "usd",
    "created": CREATED,
    "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {"tollgate_order": "ord_2"}}},
}
BITCOIN = {
    "id": "INV1",
    "status": "Settled",
    "amount": "12.00",
    "currency": "USD",
    "createdTime": CREATED,
    "metadata": {"orderId": "ord_3", "tollgateCheckout": "chk_3"},
}
LIST = "GET /api/v1/stores/STORE1/invoices"


def test_both_rails_list_payments(cards, bitcoin):
    assert isinstance(cards, ListsPayments)
    assert isinstance(bitcoin, ListsPayments)


def test_cards_list_sessions_and_renewals(cards, stripe_api):
    stripe_api.answers = {"GET /v1/checkout/sessions": page(SESSION), "GET /v1/invoices": page(INVOICE)}
    assert list(cards.payments_since(SINCE)) == [
        SeenPayment("ord_1", Money(1200, "USD"), NOW, reference="cs_1"),
        SeenPayment("ord_2", Money(1200, "USD"), NOW, agreement="sub_1"),
    ]


@pytest.mark.parametrize("changes", [{"metadata": {}}, {"payment_status": "unpaid"}, {"created": None}])
def test_cards_pass_over_what_is_not_ours_or_not_paid(cards, stripe_api, changes):
    stripe_api.answers = {"GET /v1/checkout/sessions": page({**SESSION, **changes}), "GET /v1/invoices": page()}
    assert list(cards.payments_since(SINCE)) == []


def test_cards_read_every_page(cards, stripe_api):
    first = {**page(SESSION), "has_more": True}
    stripe_api.answers = {
        "GET /v1/checkout/sessions": [first, page({**SESSION, "id": "cs_2"})],
        "GET /v1/invoices": page(),
    }
    assert [seen.reference for seen in cards.payments_since(SINCE)] == ["cs_1", "cs_2"]


def test_cards_that_cannot_be_asked_say_so(cards, stripe_api):
    stripe_api.answers = {"GET /v1/checkout/sessions": (500, {})}
    with pytest.raises(Unavailable):
        list(cards.payments_since(SINCE))


def test_bitcoin_lists_invoices(bitcoin, btcpay_api):
    btcpay_api.answers = {LIST: [[BITCOIN]]}
    assert list(bitcoin.payments_since(SINCE)) == [SeenPayment("ord_3", Money(1200, "USD"), NOW, reference="INV1")]


@pytest.mark.parametrize("changes", [{"status": "New"}, {"metadata": {"orderId": "ord_3"}}, {"amount": None}])
def test_bitcoin_passes_over_what_is_not_ours_or_not_paid(bitcoin, btcpay_api, changes):
    btcpay_api.answers = {LIST: [[{**BITCOIN, **changes}]]}
    assert list(bitcoin.payments_since(SINCE)) == []


def test_bitcoin_reads_every_page(bitcoin, btcpay_api):
    btcpay_api.answers = {LIST: [[BITCOIN] * 100, [BITCOIN]]}
    assert len(list(bitcoin.payments_since(SINCE))) == 101
    assert parse_qs(urlsplit(btcpay_api.sent[-1].url).query)["skip"] == ["100"]


def test_bitcoin_that_answers_no_list_is_no_empty_list(bitcoin, btcpay_api):
    btcpay_api.answers = {LIST: {}}
    with pytest.raises(Unavailable):
        list(bitcoin.payments_since(SINCE))
