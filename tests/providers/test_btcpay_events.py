import pytest
from standin import fixture, from_btcpay

from providers.events import Hint

KINDS = {
    "settled": "InvoiceSettled",
    "processing": "InvoiceProcessing",
    "expired_partial": "InvoiceExpiredPaidPartial",
    "paid_late": "InvoicePaidAfterExpiration",
    "invalid": "InvoiceInvalid",
    "received_payment": "InvoiceReceivedPayment",
}


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_an_invoice_event_says_which_invoice_to_look_at(bitcoin, name, kind):
    found = bitcoin.read(from_btcpay(fixture(f"btcpay/events/{name}")))
    assert found == [Hint("dlv_1", kind, reference="INV1abc", order="ord_1", account="STORE1")]


def test_a_refund_names_its_pull_payment_which_the_invoice_does_not_show(bitcoin):
    [hint] = bitcoin.read(from_btcpay(fixture("btcpay/events/refund")))
    assert hint.refund == "PULL1"


@pytest.mark.parametrize(
    "event",
    [
        fixture("btcpay/events/created"),
        fixture("btcpay/events/unknown"),
        fixture("btcpay/events/settled", invoiceId="__test__0d1b"),
        fixture("btcpay/events/settled", invoiceId=None),
    ],
)
def test_what_says_nothing_about_a_purchase_gives_no_hint(bitcoin, event):
    assert bitcoin.read(from_btcpay(event)) == []


def test_an_old_timestamp_is_no_reason_to_refuse_a_redelivery(bitcoin):
    assert bitcoin.read(from_btcpay(fixture("btcpay/events/settled_again", timestamp=1)))


@pytest.mark.parametrize(
    ("changes", "event_id"),
    [
        ({"originalDeliveryId": None}, "dlv_1"),
        ({"deliveryId": "dlv_9"}, "dlv_1"),
        ({"originalDeliveryId": "", "deliveryId": "dlv_9"}, "dlv_9"),
    ],
)
def test_the_first_deliverys_id_names_the_event(bitcoin, changes, event_id):
    [hint] = bitcoin.read(from_btcpay(fixture("btcpay/events/settled", **changes)))
    assert hint.event_id == event_id


def test_an_event_without_any_delivery_id_goes_by_its_bytes(bitcoin):
    event = from_btcpay(fixture("btcpay/events/settled", originalDeliveryId=None, deliveryId=None))
    [first], [again] = bitcoin.read(event), bitcoin.read(event)
    assert first.event_id == again.event_id
    assert first.event_id.startswith("sha256:")


@pytest.mark.parametrize("metadata", [None, [], "ord_1", {"orderId": 7}, {}])
def test_metadata_of_any_shape_is_only_a_missing_order(bitcoin, metadata):
    [hint] = bitcoin.read(from_btcpay(fixture("btcpay/events/settled", metadata=metadata)))
    assert hint.order is None
