from datetime import UTC, datetime

import pytest
from standin import fixture, page

from providers.base import Unavailable, Unknown
from providers.events import CheckoutState, Money, PaymentFact, PaymentState, RefundFact, Sold

SESSION = "GET /v1/checkout/sessions/cs_test_1"
CHARGED_AT = datetime.fromtimestamp(1795000100, UTC)


def session(**changes):
    return fixture("stripe/session", **changes)


def charged(**changes):
    """A paid session whose charge has changed."""
    paid = session()
    paid["payment_intent"]["latest_charge"] |= changes
    return paid


def refund(status):
    return {"id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "status": status}


def snapshot(cards, stripe_api, answer):
    stripe_api.answers[SESSION] = answer
    return cards.snapshot("cs_test_1")


def test_a_paid_session_is_one_payment_of_the_whole_amount_when_it_was_charged(cards, stripe_api):
    found = snapshot(cards, stripe_api, session())
    assert found.state is CheckoutState.PAID
    assert found.payments == (PaymentFact("cs_test_1", PaymentState.PAID, Money(1200, "USD"), CHARGED_AT),)


def test_a_snapshot_says_what_was_sold_and_to_whom(cards, stripe_api):
    found = snapshot(cards, stripe_api, session())
    assert found.sold == Sold(order="ord_1", amount=Money(1200, "USD"), price="price_pro", quantity=1, livemode=False)
    assert (found.payer_email, found.customer) == ("buyer@example.com", "cus_1")


def test_an_expanded_answer_needs_one_request(cards, stripe_api):
    snapshot(cards, stripe_api, session())
    assert stripe_api.asked == [SESSION]


@pytest.mark.parametrize(
    ("status", "payment_status", "intent", "state"),
    [
        ("open", "unpaid", None, CheckoutState.OPEN),
        ("expired", "unpaid", None, CheckoutState.EXPIRED),
        ("complete", "paid", None, CheckoutState.PAID),
        ("complete", "no_payment_required", None, CheckoutState.PAID),
        ("complete", "unpaid", None, CheckoutState.PROCESSING),
        ("complete", "unpaid", {"id": "pi_1", "status": "processing"}, CheckoutState.PROCESSING),
        ("complete", "unpaid", {"id": "pi_1", "status": "requires_payment_method"}, CheckoutState.FAILED),
        ("complete", "unpaid", {"id": "pi_1", "status": "canceled"}, CheckoutState.FAILED),
    ],
)
def test_a_session_is_as_far_as_it_says(cards, stripe_api, status, payment_status, intent, state):
    answer = session(status=status, payment_status=payment_status, payment_intent=intent)
    assert snapshot(cards, stripe_api, answer).state is state


def test_an_unpaid_session_shows_no_payment(cards, stripe_api):
    assert snapshot(cards, stripe_api, session(payment_status="unpaid")).payments == ()


def test_a_session_that_cost_nothing_is_paid_when_it_was_created(cards, stripe_api):
    answer = session(payment_status="no_payment_required", payment_intent=None, amount_total=0)
    [fact] = snapshot(cards, stripe_api, answer).payments
    assert (fact.money, fact.paid_at) == (Money(0, "USD"), datetime.fromtimestamp(1795000000, UTC))


def test_what_is_not_expanded_is_fetched(cards, stripe_api):
    stripe_api.answers["GET /v1/payment_intents/pi_1"] = {"id": "pi_1", "status": "succeeded", "latest_charge": "ch_1"}
    stripe_api.answers["GET /v1/charges/ch_1"] = fixture("stripe/charge", created=1795000100)
    stripe_api.answers["GET /v1/checkout/sessions/cs_test_1/line_items"] = page({"price": "price_pro", "quantity": 2})
    found = snapshot(cards, stripe_api, session(payment_intent="pi_1", line_items=None))
    assert found.payments[0].paid_at == CHARGED_AT
    assert (found.sold.price, found.sold.quantity) == ("price_pro", 2)


def test_what_the_server_does_not_know_is_taken_as_not_shown(cards, stripe_api):
    found = snapshot(cards, stripe_api, session(payment_intent="pi_gone", line_items=None))
    assert found.payments[0].state is PaymentState.PAID
    assert (found.sold.price, found.sold.genuine) == (None, True)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"amount_refunded": 500}, PaymentState.PAID),
        ({"amount_refunded": 1200, "refunded": True}, PaymentState.REFUNDED),
        ({"amount_refunded": 1200}, PaymentState.REFUNDED),
    ],
)
def test_only_a_full_refund_takes_the_payment_back(cards, stripe_api, changes, state):
    assert snapshot(cards, stripe_api, charged(**changes)).payments[0].state is state


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (["needs_response"], PaymentState.DISPUTED),
        (["under_review"], PaymentState.DISPUTED),
        (["warning_needs_response"], PaymentState.DISPUTED),
        (["warning_under_review"], PaymentState.DISPUTED),
        (["appeal_under_review"], PaymentState.DISPUTED),
        (["lost"], PaymentState.LOST),
        (["won"], PaymentState.PAID),
        (["warning_closed"], PaymentState.PAID),
        (["won", "lost"], PaymentState.LOST),
        (["won", "needs_response"], PaymentState.DISPUTED),
        ([], PaymentState.DISPUTED),
    ],
)
def test_a_dispute_says_what_the_payment_is_worth(cards, stripe_api, statuses, state):
    disputes = [{"id": f"dp_{index}", "status": status} for index, status in enumerate(statuses)]
    stripe_api.answers["GET /v1/disputes"] = page(*disputes)
    assert snapshot(cards, stripe_api, charged(disputed=True)).payments[0].state is state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("succeeded", "succeeded"),
        ("pending", "pending"),
        ("requires_action", "pending"),
        ("failed", "failed"),
        ("canceled", "failed"),
        (None, "pending"),
    ],
)
def test_a_refund_is_a_fact_of_its_own(cards, stripe_api, status, state):
    answer = charged(amount_refunded=500, refunds=page(refund(status)))
    assert snapshot(cards, stripe_api, answer).refunds == (RefundFact("re_1", "cs_test_1", Money(500, "USD"), state),)


def test_a_failed_refund_is_told_although_the_charge_counts_it_no_more(cards, stripe_api):
    [fact] = snapshot(cards, stripe_api, charged(amount_refunded=0, refunds=page(refund("failed")))).refunds
    assert fact.state == "failed"


def test_refunds_are_listed_where_the_charge_does_not_show_them(cards, stripe_api):
    stripe_api.answers["GET /v1/refunds"] = page(refund("succeeded"))
    [fact] = snapshot(cards, stripe_api, charged(amount_refunded=500, refunds=None)).refunds
    assert fact.reference == "re_1"


def test_several_lines_are_nothing_that_we_sell(cards, stripe_api):
    lines = page({"price": "price_pro", "quantity": 1}, {"price": "price_cheap", "quantity": 1})
    sold = snapshot(cards, stripe_api, session(line_items=lines)).sold
    assert (sold.genuine, sold.price) == (False, None)


def test_a_session_that_saves_a_card_is_nothing_that_we_sell(cards, stripe_api):
    assert not snapshot(cards, stripe_api, session(mode="setup")).sold.genuine


def test_a_discount_is_told(cards, stripe_api):
    assert snapshot(cards, stripe_api, session(total_details={"amount_discount": 100})).sold.discounted


def test_an_open_session_tells_its_page_and_its_end(cards, stripe_api):
    found = snapshot(cards, stripe_api, session(status="open", payment_status="unpaid", url="https://pay.example/cs"))
    assert (found.url, found.expires_at) == ("https://pay.example/cs", datetime.fromtimestamp(1795086400, UTC))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        (200, []),
        (200, "<html>"),
        {"id": "cs_test_1"},
        session(id="cs_other"),
        session(status="sleeping"),
        session(payment_status="maybe"),
        session(amount_total=None),
        session(currency=None),
        session(payment_intent=None, created=10**30),
    ],
)
def test_a_garbled_session_is_no_answer(cards, stripe_api, answer):
    with pytest.raises(Unavailable):
        snapshot(cards, stripe_api, answer)


def test_a_session_nobody_knows_is_unknown(cards, stripe_api):
    with pytest.raises(Unknown):
        cards.snapshot("cs_other")
