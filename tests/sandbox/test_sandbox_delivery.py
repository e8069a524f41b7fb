"""How webhooks travel: retries, and faults on demand."""

import json

import pytest
import requests
from sandbox_samples import order


def kinds(mailbox):
    return [json.loads(body)["type"] for body in mailbox.bodies("btcpay")]


def states(control):
    return [(delivery["state"], delivery["attempts"]) for delivery in control.get("/deliveries")["data"]]


def test_a_server_error_is_retried_until_it_heals(btcpay, control, mailbox):
    mailbox.answers = [500, 503]
    btcpay.create()
    control.post("/drain")
    assert states(control) == [("delivered", ["500", "503", "200"])]


def test_it_is_given_up_after_the_last_retry(btcpay, control, mailbox):
    mailbox.answers = [500] * 9
    btcpay.create()
    control.post("/drain")
    assert states(control) == [("failed", ["500"] * 4)]


def test_btcpay_does_not_retry_a_refusal(btcpay, control, mailbox):
    mailbox.answers = [400]
    btcpay.create()
    control.post("/drain")
    assert states(control) == [("failed", ["400"])]


def test_a_btcpay_delivery_that_is_retried_holds_back_the_later_ones(btcpay, control, mailbox):
    mailbox.answers = [503]
    control.invoice(btcpay.create()["id"], "expire")
    assert kinds(mailbox) == ["InvoiceCreated", "InvoiceCreated", "InvoiceExpired"]


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        ("normal", ["InvoiceReceivedPayment", "InvoiceProcessing"]),
        ("twice", ["InvoiceReceivedPayment", "InvoiceProcessing"] * 2),
        ("out_of_order", ["InvoiceProcessing", "InvoiceReceivedPayment"]),
        ("lost", []),
        ("late", ["InvoiceReceivedPayment", "InvoiceProcessing"]),
    ],
)
def test_a_fault_changes_what_arrives(btcpay, control, mailbox, fault, arrived):
    invoice = btcpay.create()
    control.post("/faults", rail="btcpay", fault=fault, delay=0.1)
    control.invoice(invoice["id"], "pay")
    assert kinds(mailbox)[1:] == arrived


def test_a_lost_delivery_can_be_sent_by_hand(btcpay, control, mailbox):
    control.post("/faults", fault="lost")
    btcpay.create()
    control.post("/deliveries/0/redeliver")
    control.post("/drain")
    assert json.loads(mailbox.bodies("btcpay")[0])["isRedelivery"] is True


def test_a_fault_of_one_rail_leaves_the_other_alone(control):
    control.post("/faults", rail="stripe", fault="lost")
    assert control.get("/faults")["webhooks"]["btcpay"]["fault"] == "normal"


def test_an_unknown_fault_is_refused(control):
    assert control.post("/faults", fault="gremlins").status_code == 400


@pytest.mark.parametrize(("fault", "status"), [("down", 503), ("garbage", 200), ("lost_answer", 500)])
def test_the_api_itself_can_misbehave(btcpay, control, fault, status):
    control.post("/faults", rail="btcpay", api=fault)
    assert btcpay.call("GET").status_code == status


def test_a_lost_answer_leaves_the_invoice_behind(btcpay, control):
    control.post("/faults", rail="btcpay", api="lost_answer")
    btcpay.call("POST", json={"amount": "1", "currency": "USD"})
    assert len(control.get("/btcpay/invoices")["data"]) == 1


def test_webhooks_can_be_sent_elsewhere(btcpay, control, mailbox):
    control.post("/webhooks", url=None)
    btcpay.create()
    control.post("/drain")
    assert (mailbox.received, states(control)) == ([], [("lost", [])])


@pytest.mark.parametrize("path", ["/", "/deliveries", "/faults"])
def test_its_pages_say_that_no_money_moves(sandbox, path):
    assert "no real money" in requests.get(sandbox.url + path, timeout=5).text.lower()


def test_paying_on_the_page_leads_back_to_the_shop(client, sandbox):
    session = client.v1.checkout.sessions.create(order())
    answer = requests.post(session.url or "", data={"do": "pay"}, allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"http://shop.test/thanks?session={session.id}")


def test_pressing_a_button_too_late_says_why(client, control):
    session = client.v1.checkout.sessions.create(order())
    control.session(session.id, "expire")
    url = f"{control.url}/stripe/c/pay/{session.id}"
    assert "the session is expired" in requests.post(url, data={"do": "pay"}, timeout=5).text
