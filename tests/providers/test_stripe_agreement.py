from datetime import UTC, datetime

import pytest
from standin import fixture, page

from providers.events import Agreement, AgreementState, CheckoutState, Money, PaymentFact, PaymentState, RefundFact

PERIOD = (1795000000, 1797592000)


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def line(start, end, **changes):
    [found] = fixture("stripe/invoice")["lines"]["data"]
    return {**found, "period": {"start": start, "end": end}, **changes}


def prorated(amount, start, end, price, kind="subscription_item_details"):
    parent = {"type": kind, kind: {"proration": True, "subscription": "sub_1"}}
    return line(start, end, amount=amount, parent=parent, pricing={"price_details": {"price": price}})


def invoice(**changes):
    return fixture("stripe/invoice", **changes)


def subscription(**changes):
    return fixture("stripe/subscription", **changes)


def snapshot(cards, stripe_api, *, invoices=(), charges=(), sub=None, **changes):
    stripe_api.answers |= {
        "GET /v1/checkout/sessions/cs_test_1": fixture("stripe/subscription_session", **changes),
        "GET /v1/subscriptions/sub_1": sub or subscription(),
        "GET /v1/invoices": page(*invoices),
        "GET /v1/charges": page(*charges),
    }
    return cards.snapshot("cs_test_1")


PAID = PaymentFact(
    "in_1", PaymentState.PAID, Money(1200, "USD"), at(1795000050), at(PERIOD[0]), at(PERIOD[1]), "price_pro"
)


@pytest.mark.parametrize("name", ["invoice", "invoice_acacia"])
def test_a_paid_invoice_of_any_version_pays_its_period(cards, stripe_api, name):
    found = snapshot(cards, stripe_api, invoices=[fixture(f"stripe/{name}")])
    assert found.state is CheckoutState.PAID
    assert found.payments == (PAID,)


def test_every_paid_invoice_is_a_payment(cards, stripe_api):
    renewal = invoice(id="in_2", lines={"data": [line(PERIOD[1], 1800270400)]})
    found = snapshot(cards, stripe_api, invoices=[renewal, invoice()])
    assert [(fact.reference, fact.covers_to) for fact in found.payments] == [
        ("in_2", at(1800270400)),
        ("in_1", at(PERIOD[1])),
    ]


@pytest.mark.parametrize("status", ["draft", "open", "void", "uncollectible", None])
def test_an_unpaid_invoice_pays_nothing(cards, stripe_api, status):
    assert snapshot(cards, stripe_api, invoices=[invoice(status=status)]).payments == ()


def test_a_trial_invoice_over_nothing_pays_its_period(cards, stripe_api):
    [fact] = snapshot(
        cards, stripe_api, invoices=[invoice(amount_paid=0)], payment_status="no_payment_required"
    ).payments
    assert (fact.money.amount, fact.covers_to) == (0, at(PERIOD[1]))


def test_a_paid_session_whose_invoice_is_not_visible_yet_is_processing(cards, stripe_api):
    found = snapshot(cards, stripe_api)
    assert (found.state, found.payments) == (CheckoutState.PROCESSING, ())


def test_an_invoice_missing_from_the_list_is_fetched_by_its_id(cards, stripe_api):
    stripe_api.answers["GET /v1/invoices/in_1"] = invoice()
    assert snapshot(cards, stripe_api).payments == (PAID,)


def test_the_latest_invoice_of_the_subscription_is_fetched_too(cards, stripe_api):
    stripe_api.answers["GET /v1/invoices/in_2"] = invoice(id="in_2")
    found = snapshot(cards, stripe_api, invoices=[invoice()], sub=subscription(latest_invoice="in_2"))
    assert [fact.reference for fact in found.payments] == ["in_1", "in_2"]


@pytest.mark.parametrize(
    ("session", "sub", "state"),
    [
        ({"status": "open", "payment_status": "unpaid"}, {}, CheckoutState.OPEN),
        ({"status": "expired", "payment_status": "unpaid"}, {}, CheckoutState.EXPIRED),
        ({"payment_status": "unpaid"}, {"status": "active"}, CheckoutState.PROCESSING),
        ({"payment_status": "unpaid"}, {"status": "incomplete"}, CheckoutState.PROCESSING),
        ({"payment_status": "unpaid"}, {"status": "past_due"}, CheckoutState.FAILED),
        ({"payment_status": "unpaid"}, {"status": "incomplete_expired"}, CheckoutState.FAILED),
        ({"payment_status": "unpaid"}, {"status": "canceled"}, CheckoutState.FAILED),
    ],
)
def test_without_a_paid_invoice_the_session_and_its_subscription_say_how_far_it_is(
    cards, stripe_api, session, sub, state
):
    assert snapshot(cards, stripe_api, sub=subscription(**sub), **session).state is state


def test_an_invoice_settled_late_pays_a_session_that_still_says_unpaid(cards, stripe_api):
    assert snapshot(cards, stripe_api, invoices=[invoice()], payment_status="unpaid").state is CheckoutState.PAID


def test_a_paid_extra_on_the_same_subscription_is_no_term(cards, stripe_api):
    extra = line(*PERIOD, parent={"type": "invoice_item_details", "invoice_item_details": {"proration": False}})
    assert snapshot(cards, stripe_api, invoices=[invoice(lines={"data": [extra]})]).payments == ()


def test_a_one_off_line_beside_the_period_does_not_stretch_it(cards, stripe_api):
    extra = line(1, 2_000_000_000, parent={"type": "invoice_item_details"})
    [fact] = snapshot(cards, stripe_api, invoices=[invoice(lines={"data": [extra, line(*PERIOD)]})]).payments
    assert (fact.covers_from, fact.covers_to) == (at(PERIOD[0]), at(PERIOD[1]))


def test_lines_that_do_not_say_their_type_are_all_read(cards, stripe_api):
    [fact] = snapshot(cards, stripe_api, invoices=[invoice(lines={"data": [line(*PERIOD, parent=None)]})]).payments
    assert fact.covers_to == at(PERIOD[1])


@pytest.mark.parametrize("kind", ["subscription_item_details", "invoice_item_details"])
def test_an_upgrade_in_mid_period_pays_at_the_new_price_until_the_same_end(cards, stripe_api, kind):
    rest = (1796000000, PERIOD[1])
    lines = [prorated(-600, *rest, "price_pro", kind), prorated(2000, *rest, "price_team", kind)]
    [fact] = snapshot(cards, stripe_api, invoices=[invoice(lines={"data": lines})]).payments
    assert (fact.price, fact.covers_from, fact.covers_to) == ("price_team", at(1796000000), at(PERIOD[1]))


def test_price_and_period_of_an_invoice_are_those_of_its_whole_period(cards, stripe_api):
    lines = [line(*PERIOD), prorated(300, 1794000000, PERIOD[0], "price_old")]
    [fact] = snapshot(cards, stripe_api, invoices=[invoice(lines={"data": lines})]).payments
    assert (fact.price, fact.covers_from) == ("price_pro", at(PERIOD[0]))


def test_a_credit_alone_pays_no_period(cards, stripe_api):
    credit = prorated(-600, 1796000000, PERIOD[1], "price_pro")
    assert snapshot(cards, stripe_api, invoices=[invoice(lines={"data": [credit]})]).payments == ()


@pytest.mark.parametrize(
    ("name", "charge", "state"),
    [
        ("invoice", {"amount_refunded": 1200, "refunded": True}, PaymentState.REFUNDED),
        ("invoice_acacia", {"amount_refunded": 1200, "refunded": True}, PaymentState.REFUNDED),
        ("invoice", {"amount_refunded": 100}, PaymentState.PAID),
        ("invoice", {"disputed": True}, PaymentState.DISPUTED),
        ("invoice", {"id": "ch_other", "payment_intent": "pi_other", "refunded": True}, PaymentState.PAID),
        ("invoice", {"status": "failed", "refunded": True}, PaymentState.PAID),
    ],
)
def test_what_became_of_a_charge_shows_in_the_payment_of_its_invoice(cards, stripe_api, name, charge, state):
    [fact] = snapshot(
        cards, stripe_api, invoices=[fixture(f"stripe/{name}")], charges=[fixture("stripe/charge", **charge)]
    ).payments
    assert fact.state is state


def test_a_refund_of_a_renewal_names_the_invoice(cards, stripe_api):
    refund = {"id": "re_1", "amount": 100, "currency": "usd", "status": "succeeded"}
    charge = fixture("stripe/charge", amount_refunded=100, refunds=page(refund))
    found = snapshot(cards, stripe_api, invoices=[invoice()], charges=[charge])
    assert found.refunds == (RefundFact("re_1", "in_1", Money(100, "USD"), "succeeded"),)


def test_invoices_beyond_the_first_page_are_read(cards, stripe_api):
    stripe_api.answers |= {
        "GET /v1/checkout/sessions/cs_test_1": fixture("stripe/subscription_session"),
        "GET /v1/invoices": [{**page(invoice(id="in_2")), "has_more": True}, page(invoice())],
    }
    assert [fact.reference for fact in cards.snapshot("cs_test_1").payments] == ["in_2", "in_1"]


def test_lines_beyond_those_an_invoice_shows_are_read(cards, stripe_api_unwatched):
    stripe_api_unwatched.answers["GET /v1/invoices/in_1/lines"] = page(line(*PERIOD), line(PERIOD[1], 1800270400))
    crowded = invoice(lines={"data": [line(*PERIOD)], "has_more": True})
    [fact] = snapshot(cards, stripe_api_unwatched, invoices=[crowded]).payments
    assert fact.covers_to == at(1800270400)


STATES = {
    "active": AgreementState.ACTIVE,
    "trialing": AgreementState.ACTIVE,
    "past_due": AgreementState.PAST_DUE,
    "paused": AgreementState.PAUSED,
    "canceled": AgreementState.CANCELED,
    "unpaid": AgreementState.CANCELED,
    "incomplete": AgreementState.CANCELED,
    "incomplete_expired": AgreementState.CANCELED,
}


@pytest.mark.parametrize(("status", "state"), STATES.items())
def test_an_agreement_has_one_of_four_states(cards, stripe_api, status, state):
    assert snapshot(cards, stripe_api, sub=subscription(status=status)).agreement.state is state


def test_an_agreement_says_what_it_renews_at_and_for_whom(cards, stripe_api):
    found = snapshot(cards, stripe_api).agreement
    assert found == Agreement("sub_1", AgreementState.ACTIVE, price="price_pro", customer="cus_1")


@pytest.mark.parametrize(
    ("changes", "state", "end"),
    [
        ({"cancel_at": 1796000000}, AgreementState.ACTIVE, 1796000000),
        ({"cancel_at_period_end": True}, AgreementState.ACTIVE, PERIOD[1]),
        (
            {"cancel_at_period_end": True, "items": {"data": []}, "current_period_end": 1797000000},
            AgreementState.ACTIVE,
            1797000000,
        ),
        ({"status": "canceled", "ended_at": 1796500000, "canceled_at": 1}, AgreementState.CANCELED, 1796500000),
        ({"status": "canceled", "canceled_at": 1796400000}, AgreementState.CANCELED, 1796400000),
        ({"ended_at": 1796500000}, AgreementState.CANCELED, 1796500000),
        ({"canceled_at": 1796400000, "cancel_at_period_end": True}, AgreementState.ACTIVE, PERIOD[1]),
        ({"pause_collection": {"behavior": "void"}}, AgreementState.ACTIVE, None),
    ],
)
def test_an_agreement_says_when_it_ends(cards, stripe_api, changes, state, end):
    found = snapshot(cards, stripe_api, sub=subscription(**changes)).agreement
    assert (found.state, found.cancels_at) == (state, end and at(end))


@pytest.mark.parametrize("sub", [{"id": "sub_1"}, {"id": "sub_1", "status": "dreaming"}, {"status": "active"}])
def test_a_subscription_that_cannot_be_read_is_not_shown(cards, stripe_api, sub):
    assert snapshot(cards, stripe_api, sub=sub).agreement is None
