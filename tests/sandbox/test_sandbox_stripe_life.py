"""What the buttons of the card page cause, and the events that tell of it."""

import json

import pytest
import stripe
from sandbox_samples import SECRET, order


def kinds(mailbox):
    return [json.loads(body)["type"] for body in mailbox.bodies("stripe")]


@pytest.fixture
def subscribed(client, control):
    """A paid subscription's session."""
    session = client.v1.checkout.sessions.create(order())
    control.session(session.id, "pay")
    return session.id


def test_events_verify_with_the_real_sdk(client, control, mailbox):
    control.session(client.v1.checkout.sessions.create(order()).id, "pay")
    _, body, headers = mailbox.received[0]
    event = client.construct_event(body, headers["Stripe-Signature"], SECRET)
    assert (event.api_version, event.livemode) == ("2026-10-28.endive", False)


def test_an_event_can_be_asked_for_again(client, control, mailbox):
    control.session(client.v1.checkout.sessions.create(order()).id, "pay")
    posted = json.loads(mailbox.bodies("stripe")[0])
    assert client.v1.events.retrieve(posted["id"]).to_dict() == posted


def test_a_paid_subscription_is_told_in_stripes_order(subscribed, mailbox):
    assert kinds(mailbox) == [
        "checkout.session.completed",
        "customer.subscription.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice_payment.paid",
    ]


def test_a_slow_payment_completes_unpaid_and_is_paid_later(client, control, mailbox):
    session = client.v1.checkout.sessions.create(order("price_once", "payment"))
    first = control.session(session.id, "pay_later")["session"]["payment_status"]
    assert (first, control.session(session.id, "later_succeeds")["session"]["payment_status"]) == ("unpaid", "paid")
    assert kinds(mailbox)[-1] == "checkout.session.async_payment_succeeded"


def test_a_slow_payment_that_fails_stays_unpaid(client, control, mailbox):
    session = client.v1.checkout.sessions.create(order("price_once", "payment"))
    state = control.session(session.id, "pay_later", "later_fails")
    assert (state["session"]["payment_status"], kinds(mailbox)[-1]) == (
        "unpaid",
        "checkout.session.async_payment_failed",
    )


def test_a_slow_subscription_payment_leaves_its_invoice_open_until_it_arrives(client, control):
    session = client.v1.checkout.sessions.create(order())
    bill = control.session(session.id, "pay_later")["session"]["invoice"]
    before = client.v1.invoices.retrieve(bill).status
    control.session(session.id, "later_succeeds")
    assert (before, client.v1.invoices.retrieve(bill).status) == ("open", "paid")


def test_a_declined_card_leaves_the_session_open(client, control, mailbox):
    session = client.v1.checkout.sessions.create(order("price_once", "payment"))
    state = control.session(session.id, "decline")
    assert (state["session"]["status"], kinds(mailbox)) == ("open", ["charge.failed", "payment_intent.payment_failed"])


def test_a_code_for_everything_needs_no_payment(client, control):
    session = client.v1.checkout.sessions.create(order("price_once", "payment", allow_promotion_codes=True))
    paid = control.session(session.id, "pay_free")["session"]
    assert (paid["payment_status"], paid["amount_total"], paid["amount_subtotal"]) == ("no_payment_required", 0, 9900)


def test_a_trial_pays_an_invoice_over_nothing(client, control):
    session = client.v1.checkout.sessions.create(order(subscription_data={"trial_period_days": 7}))
    state = control.session(session.id, "pay")
    bill = client.v1.invoices.retrieve(state["session"]["invoice"])
    assert (state["subscription"]["status"], state["session"]["payment_status"]) == ("trialing", "no_payment_required")
    assert (bill.status, bill.total) == ("paid", 0)


def test_a_renewal_pays_the_next_period(subscribed, client, control, mailbox):
    agreement = control.session(subscribed, "renew")["subscription"]
    bills = client.v1.invoices.list({"subscription": agreement["id"]}).data
    assert bills[0].lines.data[0].period.start == bills[1].lines.data[0].period.end
    assert (bills[0].billing_reason, kinds(mailbox)[-2]) == ("subscription_cycle", "invoice.paid")


def test_a_failed_renewal_moves_the_period_on_before_it_is_paid(subscribed, client, control):
    agreement = control.session(subscribed, "renewal_fails")["subscription"]
    bill = client.v1.invoices.retrieve(agreement["latest_invoice"])
    assert (agreement["status"], bill.status) == ("past_due", "open")
    assert agreement["items"]["data"][0]["current_period_end"] == bill.lines.data[0].period.end


def test_an_overdue_renewal_can_be_collected_later(subscribed, control):
    assert control.session(subscribed, "renewal_fails", "renewal_recovers")["subscription"]["status"] == "active"


def test_a_cancelled_subscription_ends_at_its_next_renewal(subscribed, control, mailbox):
    state = control.session(subscribed, "cancel_at_period_end", "renew")
    assert (state["subscription"]["status"], kinds(mailbox)[-1]) == ("canceled", "customer.subscription.deleted")


def test_a_changed_price_is_billed_from_the_next_period_on(subscribed, client, control):
    control.session(subscribed, "change_price", price="price_team")
    agreement = control.session(subscribed, "renew")["subscription"]
    assert client.v1.invoices.retrieve(agreement["latest_invoice"]).total == 3900


@pytest.mark.parametrize(("ending", "status"), [("dispute_won", "won"), ("dispute_lost", "lost")])
def test_a_dispute_is_opened_and_decided(subscribed, client, control, ending, status):
    control.session(subscribed, "dispute", ending)
    charge = client.v1.charges.list({"limit": 1}).data[0]
    assert (charge.disputed, client.v1.disputes.list({"charge": charge.id}).data[0].status) == (True, status)


def test_an_action_at_the_wrong_time_is_a_conflict(subscribed, control):
    answer = control.post(f"/stripe/sessions/{subscribed}/pay")
    assert (answer.status_code, answer.json()["error"]) == (409, "the session is complete")


def test_only_possible_actions_are_offered(client, control):
    session = client.v1.checkout.sessions.create(order())
    actions = control.get(f"/stripe/sessions/{session.id}")["actions"]
    assert actions == ["pay", "three_d_secure", "pay_later", "decline", "expire"]


def test_a_month_keeps_its_day_where_it_can():
    from sandbox.stripe_objects import after

    january = 1769817600  # 31 January 2026
    assert after(january, {"recurring": {"interval": "month", "interval_count": 1}}) == january + 28 * 86400


def test_a_forged_signature_does_not_verify(client, control, mailbox):
    control.post("/faults", rail="stripe", fault="bad_signature")
    control.session(client.v1.checkout.sessions.create(order()).id, "expire")
    _, body, headers = mailbox.received[0]
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(body, headers["Stripe-Signature"], SECRET)
