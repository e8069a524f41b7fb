from datetime import UTC, datetime

import pytest
import requests
from standin import fixture

from providers.base import Refused, Unavailable, Unknown
from providers.events import CheckoutState, Money, Oddity, PaymentFact, PaymentState, Sold

INVOICE = "GET /api/v1/stores/STORE1/invoices/INV1abc"
METHODS = INVOICE + "/payment-methods"
NONCE = "0123456789abcdef0123456789abcdef"


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


CREATED_AT, COVERED_AT = at(1795000000), at(1795000700)


def snapshot(bitcoin, btcpay_api, **changes):
    btcpay_api.answers |= {
        INVOICE: fixture("btcpay/invoice", **changes),
        METHODS: (200, fixture("btcpay/payment_methods")),
    }
    return bitcoin.snapshot("INV1abc")


def methods(*payments, amount="0.0005"):
    listed = [{"receivedDate": seconds, "value": value} for seconds, value in payments]
    return 200, [{"paymentMethodId": "BTC-CHAIN", "amount": amount, "payments": listed}]


@pytest.mark.parametrize(
    ("status", "additional", "paid", "state", "worth", "oddities"),
    [
        ("New", "None", "0", CheckoutState.OPEN, None, set()),
        ("New", "None", "10.00", CheckoutState.OPEN, None, set()),
        ("New", "PaidPartial", "10.00", CheckoutState.OPEN, None, set()),
        ("Processing", "None", "29.99", CheckoutState.PROCESSING, None, set()),
        ("Processing", "PaidOver", "39.99", CheckoutState.PROCESSING, None, set()),
        ("Settled", "None", "29.99", CheckoutState.PAID, PaymentState.PAID, set()),
        ("Settled", "None", "29.80", CheckoutState.PAID, PaymentState.PAID, set()),
        ("Settled", "PaidOver", "39.99", CheckoutState.PAID, PaymentState.PAID, {Oddity.OVERPAID}),
        ("Settled", "Marked", "0", CheckoutState.PAID, PaymentState.PAID, {Oddity.MARKED}),
        ("Expired", "None", "0", CheckoutState.EXPIRED, None, set()),
        ("Expired", "PaidPartial", "10.00", CheckoutState.EXPIRED, PaymentState.HELD, {Oddity.UNDERPAID}),
        ("Expired", "None", "10.00", CheckoutState.EXPIRED, PaymentState.HELD, {Oddity.UNDERPAID}),
        ("Expired", "PaidLate", "29.99", CheckoutState.EXPIRED, PaymentState.HELD, {Oddity.PAID_LATE}),
        ("Expired", "PaidOver", "39.99", CheckoutState.EXPIRED, PaymentState.HELD, {Oddity.PAID_LATE, Oddity.OVERPAID}),
        ("Invalid", "None", "0", CheckoutState.FAILED, None, set()),
        ("Invalid", "None", "29.99", CheckoutState.FAILED, PaymentState.LOST, {Oddity.INVALID}),
        ("Invalid", "Marked", "0", CheckoutState.FAILED, PaymentState.LOST, set()),
    ],
)
def test_an_invoice_in_each_state(bitcoin, btcpay_api, status, additional, paid, state, worth, oddities):
    found = snapshot(bitcoin, btcpay_api, status=status, additionalStatus=additional, paidAmount=paid)
    assert (found.state, [fact.state for fact in found.payments], found.oddities) == (
        state,
        [worth] if worth else [],
        oddities,
    )


def test_a_settled_invoice_is_one_payment_of_its_price_when_that_was_complete(bitcoin, btcpay_api):
    found = snapshot(bitcoin, btcpay_api, status="Settled", paidAmount="29.99")
    assert found.payments == (PaymentFact("INV1abc", PaymentState.PAID, Money(2999, "USD"), COVERED_AT, sats=50000),)


def test_a_snapshot_says_what_was_sold(bitcoin, btcpay_api):
    found = snapshot(bitcoin, btcpay_api)
    assert found.sold == Sold(order="ord_1", amount=Money(2999, "USD"), account="STORE1", nonce=NONCE)
    assert (found.payer_email, found.url) == ("buyer@example.com", "https://pay.example/i/INV1abc")


@pytest.mark.parametrize("changes", [{"type": "TopUp"}, {"type": None}])
def test_an_invoice_of_another_kind_is_not_genuine(bitcoin, btcpay_api, changes):
    assert not snapshot(bitcoin, btcpay_api, **changes).sold.genuine


@pytest.mark.parametrize("metadata", [{"orderId": "ord_1"}, None, {"tollgateNonce": ""}])
def test_metadata_that_a_person_replaced_shows_no_nonce(bitcoin, btcpay_api, metadata):
    assert snapshot(bitcoin, btcpay_api, metadata=metadata).sold.nonce is None


@pytest.mark.parametrize(
    ("status", "paid", "due"),
    [
        ("New", "10.00", Money(1999, "USD")),
        ("New", "9.991", Money(2000, "USD")),
        ("New", "29.9899999", Money(1, "USD")),
        ("New", "0", None),
        ("New", "0.00000001", Money(2999, "USD")),
        ("New", 10, Money(1999, "USD")),
        ("New", "29.99", None),
        ("Expired", "10.00", Money(1999, "USD")),
        ("Processing", "29.99", None),
        ("Settled", "29.80", None),
    ],
)
def test_what_is_missing_of_a_part_paid_invoice_is_told(bitcoin, btcpay_api, status, paid, due):
    assert snapshot(bitcoin, btcpay_api, status=status, paidAmount=paid).amount_due == due


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        ("0.00012", "BTC", Money(12000, "BTC")),
        ("1500", "JPY", Money(1500, "JPY")),
        ("1.234", "KWD", Money(1234, "KWD")),
        ("29.990000", "usd", Money(2999, "USD")),
        (30, "EUR", Money(3000, "EUR")),
        ("3E+1", "EUR", Money(3000, "EUR")),
    ],
)
def test_an_amount_is_read_in_its_own_currency(bitcoin, btcpay_api, amount, currency, money):
    assert snapshot(bitcoin, btcpay_api, amount=amount, currency=currency).sold.amount == money


def test_a_number_with_a_point_keeps_every_digit(bitcoin, btcpay_api):
    btcpay_api.answers[INVOICE] = (
        200,
        '{"id": "INV1abc", "status": "New", "amount": 1152921504606.01, "currency": "USD"}',
    )
    assert bitcoin.snapshot("INV1abc").sold.amount == Money(115292150460601, "USD")


@pytest.mark.parametrize(
    ("answer", "paid_at"),
    [
        (methods((1795000100, "0.0005")), at(1795000100)),
        (methods((1795000700, "0.0003"), (1795000100, "0.0002")), at(1795000700)),
        (methods((1795000100, "0.0005"), (1795009999, "0.0001")), at(1795000100)),
        (methods((1795000100, "0.0001"), (1795000200, "0.0001")), at(1795000200)),
        (methods((1795000100, "x"), (1795000200, None)), at(1795000200)),
        (methods((1795000100, "1"), amount="0"), at(1795000100)),
        (methods((1795000100, "NaN"), (1795000200, "0.0005")), at(1795000200)),
        (methods((1795000100, "Infinity"), (1795000200, "1e999999")), at(1795000200)),
        (methods((None, "0.0005")), CREATED_AT),
        (methods(), CREATED_AT),
        ((200, {}), CREATED_AT),
        ((403, {"code": "missing-permission"}), CREATED_AT),
        ((404, {"code": "invoice-not-found"}), CREATED_AT),
    ],
)
def test_a_payment_dates_from_when_the_price_was_complete(bitcoin, btcpay_api, answer, paid_at):
    btcpay_api.answers |= {INVOICE: fixture("btcpay/invoice", status="Settled", paidAmount="29.99"), METHODS: answer}
    assert bitcoin.snapshot("INV1abc").payments[0].paid_at == paid_at


@pytest.mark.parametrize("answer", [(500, {}), (429, {}), (200, "<html>"), requests.ConnectionError("cut")])
def test_a_date_that_cannot_be_told_now_is_asked_for_later_so_that_it_never_changes(bitcoin, btcpay_api, answer):
    btcpay_api.answers |= {INVOICE: fixture("btcpay/invoice", status="Settled", paidAmount="29.99"), METHODS: answer}
    with pytest.raises(Unavailable):
        bitcoin.snapshot("INV1abc")


def test_an_unpaid_invoice_needs_one_request(bitcoin, btcpay_api):
    snapshot(bitcoin, btcpay_api)
    assert btcpay_api.asked == [INVOICE]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        (200, []),
        (200, "null"),
        (200, "[" * 100_000),
        fixture("btcpay/invoice", id="OTHER"),
        fixture("btcpay/invoice", status="Dreaming"),
        fixture("btcpay/invoice", status="Settled", amount="a lot"),
        fixture("btcpay/invoice", status="Settled", amount="Infinity"),
        fixture("btcpay/invoice", status="Settled", amount="1e1000000000"),
        fixture("btcpay/invoice", status="Settled", currency=None),
        fixture("btcpay/invoice", status="Settled", createdTime="yesterday"),
    ],
)
def test_a_garbled_invoice_is_no_answer(bitcoin, btcpay_api, answer):
    btcpay_api.answers |= {INVOICE: answer, METHODS: (404, {})}
    with pytest.raises(Unavailable):
        bitcoin.snapshot("INV1abc")


@pytest.mark.parametrize("paid", [None, "NaN", "-Infinity", "1e999999", "x", [], {}])
def test_a_garbled_paid_amount_of_a_new_invoice_is_no_amount(bitcoin, btcpay_api, paid):
    assert snapshot(bitcoin, btcpay_api, paidAmount=paid).amount_due is None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, Unknown),
        (403, Refused),
        (401, Refused),
        (422, Refused),
        (429, Unavailable),
        (408, Unavailable),
        (500, Unavailable),
    ],
)
def test_an_answer_that_is_no_invoice_names_the_situation(bitcoin, btcpay_api, status, error):
    btcpay_api.answers[INVOICE] = (status, {"code": "no", "message": "no"})
    with pytest.raises(error):
        bitcoin.snapshot("INV1abc")


def test_the_key_goes_into_the_header_that_every_server_version_reads(bitcoin, btcpay_api):
    snapshot(bitcoin, btcpay_api)
    assert btcpay_api.sent[0].headers["Authorization"] == "token key"
