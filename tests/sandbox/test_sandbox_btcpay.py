"""The imitated BTCPay Server: its API, the life of an invoice, and its webhooks."""

import hashlib
import hmac
import json
from decimal import Decimal

import pytest
from sandbox_samples import BTCPAY_SECRET


def kinds(mailbox):
    return [json.loads(body)["type"] for body in mailbox.bodies("btcpay")]


def test_an_invoice_is_created_new_with_its_own_page(btcpay):
    invoice = btcpay.create(metadata={"orderId": "ord_1"}, orderId="lost")
    assert (invoice["status"], invoice["additionalStatus"], invoice["type"]) == ("New", "None", "Standard")
    assert btcpay.http.get(invoice["checkoutLink"], timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [("29.996", "30.00"), (12, "12.00"), ("0.005", "0.01")],
)
def test_amounts_are_rounded_to_the_currency(btcpay, given, kept):
    assert btcpay.create(amount=given)["amount"] == kept


def test_without_an_amount_any_payment_settles_a_top_up(btcpay, control):
    invoice = btcpay.create(amount=None)
    state = control.invoice(invoice["id"], "pay_lightning", amount="0.00000001")
    assert (invoice["type"], state["invoice"]["status"]) == ("TopUp", "Settled")


def test_an_invoice_over_nothing_is_settled_at_once(btcpay):
    assert btcpay.create(amount="0")["status"] == "Settled"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"amount": "-1"}, "amount"),
        ({"amount": "much"}, "amount"),
        ({"currency": "???"}, "currency"),
        ({"checkout": {"paymentTolerance": 101}}, "checkout.paymentTolerance"),
        ({"checkout": {"speedPolicy": "Warp"}}, "checkout.speedPolicy"),
        ({"checkout": {"expirationMinutes": 0}}, "checkout.expirationMinutes"),
        ({"checkout": {"paymentMethods": ["DOGE"]}}, "checkout.paymentMethods"),
    ],
)
def test_an_invalid_invoice_is_a_422_that_names_the_field(btcpay, body, path):
    answer = btcpay.call("POST", json={"amount": "1", "currency": "USD"} | body)
    assert (answer.status_code, answer.json()[0]["path"]) == (422, path)


def test_a_wrong_key_is_unauthenticated(btcpay):
    answer = btcpay.call("GET", headers={"Authorization": "token other"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_an_unknown_invoice_is_not_found(btcpay):
    answer = btcpay.call("GET", "/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "invoice-not-found")


def test_another_store_is_forbidden(btcpay, sandbox):
    answer = btcpay.http.get(f"{sandbox.btcpay_url}/api/v1/stores/Other/invoices", timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing-permission")


def test_the_list_filters_by_order_and_is_newest_first(btcpay):
    made = [btcpay.create(metadata={"orderId": order})["id"] for order in ("a", "b", "a")]
    found = btcpay.call("GET", params={"orderId": "a", "status": ["new", "nonsense"]}).json()
    assert [invoice["id"] for invoice in found] == [made[2], made[0]]


def test_on_chain_money_is_announced_then_settled(btcpay, control, mailbox):
    control.invoice(btcpay.create()["id"], "pay", "confirm")
    assert kinds(mailbox) == [
        "InvoiceCreated",
        "InvoiceReceivedPayment",
        "InvoiceProcessing",
        "InvoicePaymentSettled",
        "InvoiceSettled",
    ]


def test_lightning_settles_at_once_and_tells_so_in_its_own_order(btcpay, control, mailbox):
    state = control.invoice(btcpay.create()["id"], "pay_lightning")
    assert state["invoice"]["status"] == "Settled"
    assert kinds(mailbox)[1:3] == ["InvoicePaymentSettled", "InvoiceReceivedPayment"]


@pytest.mark.parametrize(
    ("actions", "status"),
    [
        (["underpay"], ("New", "PaidPartial")),
        (["underpay", "confirm"], ("New", "PaidPartial")),
        (["underpay", "pay_rest"], ("Processing", "None")),
        (["underpay", "pay_rest", "confirm"], ("Settled", "None")),
        (["overpay", "confirm"], ("Settled", "PaidOver")),
        (["expire"], ("Expired", "None")),
        (["underpay", "expire"], ("Expired", "PaidPartial")),
        (["expire", "pay_late", "confirm"], ("Expired", "PaidLate")),
        (["underpay", "expire", "pay_late"], ("Expired", "PaidLate")),
        (["expire", "pay_late", "mark_settled"], ("Settled", "Marked")),
        (["mark_settled", "mark_invalid"], ("Invalid", "Marked")),
        (["pay", "never_confirm"], ("Invalid", "None")),
        (["pay", "double_spend"], ("New", "None")),
    ],
)
def test_an_invoice_lives_by_btcpays_rules(btcpay, control, actions, status):
    invoice = control.invoice(btcpay.create()["id"], *actions)["invoice"]
    assert (invoice["status"], invoice["additionalStatus"]) == status


def test_late_money_is_told_but_never_as_settled(btcpay, control, mailbox):
    control.invoice(btcpay.create()["id"], "expire", "pay_late", "confirm")
    assert kinds(mailbox)[1:] == [
        "InvoiceExpired",
        "InvoiceReceivedPayment",
        "InvoicePaidAfterExpiration",
        "InvoicePaymentSettled",
    ]


def test_part_of_the_price_is_shown_as_paid_and_due(btcpay, control):
    invoice = control.invoice(btcpay.create()["id"], "underpay")["invoice"]
    method = btcpay.call("GET", f"/{invoice['id']}/payment-methods").json()[0]
    assert invoice["paidAmount"] == "6.00"
    assert Decimal(method["due"]) * 2 == Decimal(method["amount"])


def test_within_the_tolerance_it_settles_with_less(btcpay, control):
    made = btcpay.create(checkout={"paymentTolerance": 5})
    invoice = control.invoice(made["id"], "pay", "confirm", amount="0.000235")["invoice"]
    assert (invoice["status"], invoice["additionalStatus"], invoice["paidAmount"]) == ("Settled", "None", "11.75")


def test_what_a_payment_settled_can_not_be_marked_invalid(btcpay, control):
    invoice = control.invoice(btcpay.create()["id"], "pay_lightning")["invoice"]
    answer = btcpay.call("POST", f"/{invoice['id']}/status", json={"status": "Invalid"})
    assert (answer.status_code, invoice["availableStatusesForManualMarking"]) == (422, [])


def test_a_refund_is_a_pull_payment_and_changes_no_status(btcpay, control, mailbox):
    paid = control.invoice(btcpay.create()["id"], "pay_lightning")["invoice"]
    pull = btcpay.call("POST", f"/{paid['id']}/refund", json={"refundVariant": "RateThen"}).json()
    control.post("/drain")
    assert btcpay.call("GET", f"/{paid['id']}").json()["status"] == "Settled"
    assert json.loads(mailbox.bodies("btcpay")[-1])["pullPaymentId"] == pull["id"]


def test_an_unpaid_invoice_can_not_be_refunded(btcpay):
    answer = btcpay.call("POST", f"/{btcpay.create()['id']}/refund", json={"refundVariant": "Fiat"})
    assert (answer.status_code, answer.json()["code"]) == (400, "non-refundable")


def test_an_invoice_expires_when_its_time_is_up(btcpay, control):
    made = btcpay.create()
    control.post("/clock", forward=15 * 60 + 1)
    assert btcpay.call("GET", f"/{made['id']}").json()["status"] == "Expired"


def test_webhooks_are_signed_over_the_raw_indented_body(btcpay, mailbox, control):
    btcpay.create(metadata={"orderId": "ord_é"})
    control.post("/drain")
    _, body, headers = mailbox.received[0]
    mac = hmac.new(BTCPAY_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["Btcpay-Sig"] == f"sha256={mac}"
    assert (b"\n  " in body, "é".encode() in body) == (True, True)


def test_webhooks_name_the_invoice_but_neither_amount_nor_status(btcpay, mailbox, control):
    btcpay.create(metadata={"orderId": "ord_1"})
    control.post("/drain")
    assert set(json.loads(mailbox.bodies("btcpay")[0])) == {
        "deliveryId", "webhookId", "originalDeliveryId", "isRedelivery", "type", "timestamp", "storeId", "invoiceId", "metadata",
    }  # fmt: skip


def test_a_redelivery_has_a_new_id_the_old_time_and_another_order_of_fields(btcpay, mailbox, control):
    mailbox.answers = [503]
    btcpay.create()
    control.post("/drain")
    first, second = (json.loads(body) for body in mailbox.bodies("btcpay"))
    assert first["deliveryId"] != second["deliveryId"]
    assert (second["originalDeliveryId"], second["timestamp"], second["isRedelivery"]) == (
        first["deliveryId"],
        first["timestamp"],
        True,
    )
    assert list(first) != list(second)


def test_a_stranger_can_make_an_invoice_that_carries_our_order_id(btcpay, control):
    made = control.post("/btcpay/invoices", amount="0.01", currency="USD", metadata={"orderId": "ord_1"}).json()[
        "invoice"
    ]
    assert [found["id"] for found in btcpay.call("GET", params={"orderId": "ord_1"}).json()] == [made["id"]]
