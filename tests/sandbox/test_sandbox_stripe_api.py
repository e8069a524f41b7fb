"""The imitated Stripe, spoken to by the real SDK."""

import time

import pytest
import requests
import stripe
from sandbox_samples import order


def test_a_session_opens_with_the_prices_amount_and_a_page_to_pay_at(client):
    session = client.v1.checkout.sessions.create(order())
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 1200)
    assert requests.get(session.url, timeout=5).status_code == 200


def test_a_paid_subscription_shows_its_period_on_the_items_and_a_paid_invoice(client, control):
    session = client.v1.checkout.sessions.create(order())
    control.session(session.id, "pay")
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice.payments"]})
    assert paid.subscription["items"].data[0].current_period_end == paid.invoice.lines.data[0].period.end
    assert (paid.payment_status, paid.url, paid.invoice.payments.data[0].status) == ("paid", None, "paid")


def test_a_one_time_payment_has_no_intent_until_it_completes(client, control):
    session = client.v1.checkout.sessions.create(order("price_once", "payment", customer_creation="always"))
    control.session(session.id, "pay", email="ada@example.com")
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items", "payment_intent.latest_charge"]})
    assert session.payment_intent is None
    assert (paid.payment_intent.latest_charge.paid, paid.payment_intent.metadata["order"]) == (True, "ord_1")
    assert (paid.customer_details.email, paid.line_items.data[0].price.id) == ("ada@example.com", "price_once")


def test_a_charge_leads_back_to_its_subscription(client, control):
    session = client.v1.checkout.sessions.create(order())
    subscription = control.session(session.id, "pay")["subscription"]["id"]
    intent = client.v1.charges.list({"limit": 1}).data[0].payment_intent
    link = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}}).data[0]
    assert client.v1.invoices.retrieve(link.invoice).parent.subscription_details.subscription == subscription


def test_the_same_idempotency_key_gives_the_same_session(client):
    first, second = (client.v1.checkout.sessions.create(order(), {"idempotency_key": "once"}) for _ in range(2))
    assert first.id == second.id


def test_the_same_idempotency_key_with_other_parameters_is_refused(client):
    client.v1.checkout.sessions.create(order(), {"idempotency_key": "once"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.create(order("price_team"), {"idempotency_key": "once"})


def test_a_refused_request_leaves_its_idempotency_key_free(client):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(order("price_gone"), {"idempotency_key": "once"})
    assert client.v1.checkout.sessions.create(order(), {"idempotency_key": "once"}).status == "open"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        (order(payment_method_types=["card"]), "payment_method_types"),
        (order(customer="cus_1", customer_email="a@example.com"), "customer"),
        (order(customer_email="nobody"), "customer_email"),
        (order(expires_at=int(time.time()) + 60), "expires_at"),
        (order(expires_at=int(time.time()) + 25 * 3600), "expires_at"),
        (order(metadata={"k" * 41: "v"}), "metadata"),
        (order(metadata={"k": "v" * 501}), "metadata"),
        (order(metadata={f"k{n}": "v" for n in range(51)}), "metadata"),
        (order(locale="xx"), "locale"),
        (order(client_reference_id="x" * 201), "client_reference_id"),
        (order(success_url="javascript:alert(1)"), "success_url"),
        (order(customer_creation="always"), "customer_creation"),
        (order("price_gone"), "line_items[0][price]"),
        (order("price_old"), "line_items[0][price]"),
        (order("price_pro", "payment"), "mode"),
        (order("price_once"), "mode"),
        (order(line_items=[{"price": "price_pro", "quantity": 1, "amount": 5}]), "line_items[0][amount]"),
        ({name: value for name, value in order().items() if name != "mode"}, "mode"),
        ({name: value for name, value in order().items() if name != "success_url"}, "success_url"),
    ],
)
def test_a_session_that_stripe_would_not_open_is_refused(client, params, param):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create(params)
    assert refusal.value.param == param


def test_a_wrong_key_is_refused(sandbox):
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": sandbox.stripe_base})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.balance.retrieve()


def test_a_key_is_also_taken_as_a_basic_user_name(sandbox):
    answer = requests.get(f"{sandbox.stripe_base}/v1/balance", auth=("sk_test_sandbox", ""), timeout=5)
    assert answer.json()["livemode"] is False


def test_another_api_version_is_refused(client):
    with pytest.raises(stripe.InvalidRequestError, match="API version"):
        client.v1.balance.retrieve(options={"stripe_version": "2025-03-31.basil"})


def test_an_unknown_object_is_not_found(client):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.retrieve("cs_test_none")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")


def test_an_unknown_filter_is_refused(client):
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: colour"):
        client.v1.charges.list({"colour": "red"})


def test_lists_come_in_pages_newest_first(client):
    made = [client.v1.checkout.sessions.create(order()).id for _ in range(5)]
    pages = client.v1.checkout.sessions.list({"limit": 2})
    assert [session.id for session in pages.auto_paging_iter()] == made[::-1]


def test_an_open_session_can_be_expired_once(client):
    session = client.v1.checkout.sessions.create(order())
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)


def test_a_session_expires_when_its_time_is_up(client, control):
    session = client.v1.checkout.sessions.create(order())
    control.post("/clock", forward=24 * 3600 + 1)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_refunds_add_up_to_the_charge_and_no_further(client, control):
    session = client.v1.checkout.sessions.create(order("price_once", "payment"))
    intent = control.session(session.id, "pay")["payment_intent"]["id"]
    client.v1.refunds.create({"payment_intent": intent, "amount": 900})
    client.v1.refunds.create({"payment_intent": intent})
    charge = client.v1.charges.list({"payment_intent": intent, "expand": ["data.refunds"]}).data[0]
    assert (charge.refunded, [refund.amount for refund in charge.refunds.data]) == (True, [9000, 900])
    with pytest.raises(stripe.InvalidRequestError, match="already been refunded"):
        client.v1.refunds.create({"payment_intent": intent})


def test_a_subscription_is_ended_once_and_then_not_known_to_be_ended_again(client, control):
    session = client.v1.checkout.sessions.create(order())
    subscription = control.session(session.id, "pay")["subscription"]["id"]
    assert client.v1.subscriptions.cancel(subscription).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.v1.subscriptions.cancel(subscription)
