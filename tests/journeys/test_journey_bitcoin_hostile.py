"""What strangers, forgers and broken servers do to the bitcoin rail: none of it makes a key work."""

import json
from decimal import Decimal

import pytest
from journey_shop import event_of, signed

REFUSED = "payment_required"


@pytest.fixture
def invoice(shop):
    """An order for Pro with an open invoice."""
    return shop.buy("pro", "btcpay")


@pytest.fixture
def settled_event(shop):
    """An authentic InvoiceSettled, as it came for another order."""
    other = shop.buy("pro", "btcpay")
    return event_of(shop.hold(other, "pay", "confirm")[-1])


def test_a_signed_event_that_lies_about_settlement_grants_nothing(shop, invoice, settled_event):
    lie = settled_event | {"invoiceId": invoice.reference, "originalDeliveryId": f"lie-{invoice.id}"}
    answer = shop.post("btcpay", *signed("btcpay", lie))
    assert (answer.json()["state"], shop.gate(invoice), shop.standing(invoice)) == ("applied", REFUSED, ("open", None))


@pytest.mark.parametrize("amount", ["39.00", "0.01", "0", None], ids=["dearer", "cheaper", "zero", "top-up"])
def test_a_strangers_invoice_that_names_our_order_grants_nothing(shop, invoice, amount):
    claims = {"orderId": invoice.id, "plan": "enterprise", "itemCode": "enterprise"}
    paying = () if amount == "0" else ("pay", "confirm")
    letters = shop.stranger(*paying, amount=amount, currency="USD", metadata=claims)
    states = shop.states(letters)
    shop.sweep()
    assert (set(states) <= {"parked", "ignored"}, shop.gate(invoice), shop.standing(invoice)) == (
        True,
        REFUSED,
        ("open", None),
    )


def test_an_invoice_of_another_store_is_ignored(shop, invoice, settled_event):
    elsewhere = settled_event | {"invoiceId": invoice.reference, "storeId": "StoreElse", "originalDeliveryId": "x"}
    answer = shop.post("btcpay", *signed("btcpay", elsewhere | {"originalDeliveryId": f"else-{invoice.id}"}))
    assert (answer.json()["state"], shop.gate(invoice)) == ("ignored", REFUSED)


def test_an_invoice_that_nobody_knows_is_parked_and_answered_200(shop, settled_event):
    unknown = settled_event | {"invoiceId": "NeverHeardOf", "originalDeliveryId": f"no-{settled_event['deliveryId']}"}
    answer = shop.post("btcpay", *signed("btcpay", unknown))
    assert (answer.status_code, answer.json()["state"]) == (200, "parked")


TAMPERED = {
    "amount": lambda invoice: setattr(invoice, "amount", Decimal("0.01")),
    "dearer": lambda invoice: setattr(invoice, "amount", Decimal("39.00")),
    "currency": lambda invoice: setattr(invoice, "currency", "EUR"),
    "top-up": lambda invoice: setattr(invoice, "top_up", True),
    "zero": lambda invoice: setattr(invoice, "amount", Decimal(0)),
    "order": lambda invoice: invoice.metadata.update(orderId="ord_of_another"),
    "nonce": lambda invoice: invoice.metadata.update(tollgateNonce="0" * 32),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_an_invoice_that_is_not_what_we_sold_grants_nothing_and_is_flagged(shop, invoice, tamper):
    letters = shop.hold(invoice, "pay", "confirm")
    tamper(shop.sandbox.world.invoices[invoice.reference])
    shop.states(letters)
    assert (shop.gate(invoice), shop.standing(invoice)[1]) == (REFUSED, "mismatch")


def test_metadata_that_was_wiped_does_not_hide_a_mismatch_in_price(shop, invoice):
    letters = shop.hold(invoice, "pay", "confirm")
    found = shop.sandbox.world.invoices[invoice.reference]
    found.metadata, found.amount = {}, Decimal("0.01")
    shop.states(letters)
    assert (shop.gate(invoice), shop.standing(invoice)[1]) == (REFUSED, "mismatch")


def test_two_orders_need_two_payments(shop, invoice):
    second = shop.buy("pro", "btcpay")
    shop.act(invoice, "pay", "confirm")
    assert (shop.gate(invoice), shop.gate(second)) == ("allowed", REFUSED)


def test_the_key_of_one_order_does_not_show_another(shop, invoice):
    other = shop.buy("pro", "btcpay")
    answer = shop._get(f"/v1/orders/{other.id}", invoice.key)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


BAD_SIGNATURES = {
    "missing": lambda body: {},
    "empty": lambda body: {"BTCPay-Sig": ""},
    "garbage": lambda body: {"BTCPay-Sig": "sha256=zz"},
    "no scheme": lambda body: {"BTCPay-Sig": signed("btcpay", body)[1]["BTCPay-Sig"].partition("=")[2]},
    "sha1": lambda body: {"BTCPay-Sig": signed("btcpay", body)[1]["BTCPay-Sig"].replace("sha256", "sha1")},
    "not ASCII": lambda body: {"BTCPay-Sig": b"sha256=" + b"\xe9" * 64},
    "wrong secret": lambda body: signed("btcpay", body, secret="of-somebody-else")[1],
    "of another body": lambda body: signed("btcpay", b"{}")[1],
    "Stripe's": lambda body: signed("stripe", body)[1],
}


@pytest.mark.parametrize("headers", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES)
def test_what_is_not_authentic_is_a_400_and_leaves_nothing(shop, invoice, headers):
    settled = shop.hold(invoice, "pay", "confirm")[-1]
    body = json.dumps(event_of(settled)).encode()
    answer = shop.post("btcpay", body, headers(body))
    assert (answer.status_code, answer.json()["code"], shop.gate(invoice)) == (400, "bad_signature", REFUSED)
    assert shop.send(settled).json()["state"] == "applied"  # not "duplicate": the forged one was not stored


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"{}", b"\xff\xfe", b"[" * 100_000], ids=range(7))
def test_a_signed_body_that_is_no_event_is_a_400(shop, body):
    answer = shop.post("btcpay", *signed("btcpay", body))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_test_delivery_is_ignored(shop, settled_event):
    answer = shop.post("btcpay", *signed("btcpay", settled_event | {"invoiceId": "__test__f00d"}))
    assert answer.json()["state"] == "ignored"
