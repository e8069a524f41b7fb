"""From a notification to a working key, with rails whose every answer is known."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from app import outbox, receipts, sync
from app.carriers import CARRIERS
from app.checkout import add_checkout
from app.gate import Gate, Outcome
from app.ingest import receive
from app.models import Parcel, Payment, Receipt
from app.orders import view_order
from app.sweep import sweep
from app.worker import run_once
from keystore.models import ApiKey, Entitlement
from providers.base import NotAuthentic, Unavailable
from providers.events import (
    Agreement,
    AgreementState,
    CheckoutState,
    Hint,
    Money,
    Notification,
    Oddity,
    PaymentFact,
    PaymentState,
)

MONTH = timedelta(days=30)


@pytest.fixture
def outcome(tollgate):
    """What a fresh gate says to a key."""
    return lambda opened: Gate(tollgate).decide({"X-API-Key": opened.api_key.reveal()}).outcome


def test_the_key_is_born_with_the_order_and_does_not_work_yet(buy, outcome):
    assert outcome(buy()) is Outcome.PAYMENT_REQUIRED


def test_the_webhook_makes_the_key_work(tollgate, buy, stripe, clock, notify, outcome):
    opened = buy()
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now)))
    assert outcome(opened) is Outcome.ALLOWED


def test_an_applied_notification_says_so(tollgate, buy, stripe, clock, notify):
    buy()
    assert receive(tollgate, "stripe", notify(stripe.pay(at=clock.now))).state == "applied"


def test_the_same_event_again_is_a_duplicate(tollgate, buy, stripe, clock, notify):
    buy()
    note = notify(stripe.pay(at=clock.now))
    receive(tollgate, "stripe", note)
    assert receive(tollgate, "stripe", note).state == "duplicate"


def test_ten_parallel_copies_of_two_events_make_one_payment(tollgate, buy, stripe, clock, notify, rows):
    buy()
    reference = stripe.pay(at=clock.now)
    notes = [notify(reference, f"evt_{number % 2}") for number in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda note: receive(tollgate, "stripe", note), notes))
    run_once(tollgate)
    assert (len(rows(Payment)), {row.state for row in rows(Receipt)}) == (1, {"applied"})


def test_applying_the_same_snapshot_twice_changes_nothing(tollgate, buy, stripe, clock, checkout_rows, rows):
    buy()
    stripe.pay(at=clock.now)
    sync.checkout(tollgate, checkout_rows()[0].id)
    version = rows(Entitlement)[0].version
    sync.checkout(tollgate, checkout_rows()[0].id)
    assert rows(Entitlement)[0].version == version


def test_a_forged_notification_leaves_nothing(tollgate, buy, rows):
    buy()
    with pytest.raises(NotAuthentic):
        receive(tollgate, "stripe", Notification(b"[]", {"signature": "bad"}, tollgate.clock()))
    assert rows(Receipt) == []


def test_an_event_that_lies_grants_nothing(tollgate, buy, stripe, notify, outcome):
    opened = buy()
    receive(tollgate, "stripe", notify(next(iter(stripe.answers))))
    assert outcome(opened) is Outcome.PAYMENT_REQUIRED


@pytest.mark.parametrize("more", [{"account": "acct_other"}, {"livemode": True}])
def test_events_of_another_account_or_mode_are_ignored(tollgate, buy, stripe, clock, notify, more):
    buy()
    assert receive(tollgate, "stripe", notify(stripe.pay(at=clock.now), **more)).state == "ignored"


def test_an_event_of_a_session_that_is_not_ours_is_parked(tollgate, buy, notify):
    opened = buy()
    assert receive(tollgate, "stripe", notify("cs_stranger", order=opened.order.id)).state == "parked"


def test_a_webhook_before_the_create_call_has_answered_is_not_lost(tollgate, buy, stripe, clock, notify, outcome):
    states = []

    def pay_at_once():
        reference = stripe.pay(at=clock.now)
        states.append(receive(tollgate, "stripe", notify(reference)).state)

    stripe.on_open = pay_at_once
    opened = buy()
    run_once(tollgate)
    assert (states, outcome(opened)) == (["parked"], Outcome.ALLOWED)


def test_a_provider_that_is_down_leaves_the_receipt_due(tollgate, buy, stripe, notify):
    buy()
    reference = next(iter(stripe.answers))
    stripe.answers[reference] = Unavailable("down")
    assert receive(tollgate, "stripe", notify(reference)).state == "due"


def test_the_worker_applies_what_was_due(tollgate, buy, stripe, clock, notify, outcome):
    opened = buy()
    stripe.answers[next(iter(stripe.answers))] = Unavailable("down")
    receive(tollgate, "stripe", notify(next(iter(stripe.answers))))
    stripe.pay(at=clock.now)
    clock.forward(seconds=10)
    run_once(tollgate)
    assert outcome(opened) is Outcome.ALLOWED


def test_a_lost_webhook_is_found_by_the_sweep(tollgate, buy, btcpay, clock, outcome):
    opened = buy("btcpay")
    btcpay.pay(at=clock.now)
    sweep(tollgate)
    assert outcome(opened) is Outcome.ALLOWED


def test_the_buyers_return_finds_the_payment(tollgate, buy, stripe, clock, outcome):
    opened = buy()
    stripe.pay(at=clock.now)
    sync.nudge(tollgate, opened.order.id)
    assert outcome(opened) is Outcome.ALLOWED


def test_a_page_that_refreshes_itself_asks_at_most_every_two_seconds(tollgate, buy, stripe):
    opened = buy()
    sync.nudge(tollgate, opened.order.id)
    sync.nudge(tollgate, opened.order.id)
    assert len(stripe.asked) == 1


def test_an_older_answer_never_overwrites_a_newer_one(tollgate, buy, stripe, clock, checkout_rows, outcome):
    opened = buy()
    checkout_id = checkout_rows()[0].id
    asked, go_on = threading.Event(), threading.Event()

    def hold():
        stripe.on_snapshot = lambda: None
        asked.set()
        go_on.wait(10)

    stripe.on_snapshot = hold
    slow = threading.Thread(target=sync.checkout, args=(tollgate, checkout_id))
    slow.start()
    asked.wait(10)  # the slow one holds "open" in its hands
    stripe.pay(at=clock.now)
    sync.checkout(tollgate, checkout_id)
    go_on.set()
    slow.join()
    assert (outcome(opened), checkout_rows()[0].state) == (Outcome.ALLOWED, "paid")


def test_no_transaction_is_open_while_a_provider_is_asked(tollgate, buy, stripe, checkout_rows):
    held = []
    stripe.on_open = stripe.on_snapshot = lambda: held.append(tollgate.db.engine.pool.checkedout())
    buy()
    sync.checkout(tollgate, checkout_rows()[0].id)
    assert held == [0, 0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", Money(1, "USD")),
        ("amount", Money(1200, "EUR")),
        ("amount", None),
        ("price", "price_cheap"),
        ("quantity", 2),
        ("livemode", True),
        ("order", "ord_other"),
        ("genuine", False),
        ("discounted", True),
    ],
)
def test_what_does_not_match_the_frozen_checkout_never_grants(
    tollgate, buy, stripe, clock, field, value, outcome, replaced
):
    opened = buy()
    reference = stripe.pay(at=clock.now)
    stripe.answers[reference] = replaced(stripe.answers[reference], **{field: value})
    sync.nudge(tollgate, opened.order.id)
    assert (outcome(opened), view_order(tollgate, opened.order.id).attention) == (Outcome.PAYMENT_REQUIRED, "mismatch")


@pytest.fixture
def replaced():
    """A snapshot with another story of what was sold."""
    return lambda snapshot, **sold: replace(snapshot, sold=replace(snapshot.sold, **sold))


def test_money_announced_is_processing_and_grants_nothing(tollgate, buy, btcpay, clock, outcome):
    opened = buy("btcpay")
    btcpay.pay(at=clock.now, state=PaymentState.HELD, checkout_state=CheckoutState.PROCESSING)
    sync.nudge(tollgate, opened.order.id)
    assert (outcome(opened), view_order(tollgate, opened.order.id).status) == (Outcome.PAYMENT_REQUIRED, "processing")


def test_late_money_is_held_and_flagged(tollgate, buy, btcpay, clock, outcome):
    opened = buy("btcpay")
    late = {
        "state": PaymentState.HELD,
        "checkout_state": CheckoutState.EXPIRED,
        "oddities": frozenset({Oddity.PAID_LATE}),
    }
    btcpay.pay(at=clock.now, **late)
    sync.nudge(tollgate, opened.order.id)
    order = view_order(tollgate, opened.order.id)
    assert (outcome(opened), order.status, order.attention) == (Outcome.PAYMENT_REQUIRED, "expired", "paid_late")


def test_marked_by_hand_then_invalid_takes_the_key_away(tollgate, buy, btcpay, clock, checkout_rows, outcome):
    opened = buy("btcpay")
    btcpay.pay(at=clock.now, oddities=frozenset({Oddity.MARKED}))
    sync.nudge(tollgate, opened.order.id)
    btcpay.pay(at=clock.now, state=PaymentState.LOST, checkout_state=CheckoutState.FAILED)
    sync.checkout(tollgate, checkout_rows()[0].id)
    assert outcome(opened) is Outcome.ENDED


def test_paid_on_both_rails_counts_once_and_flags_the_other(tollgate, buy, stripe, btcpay, clock, rows):
    opened = buy()
    add_checkout(tollgate, opened.order.id, "btcpay")
    stripe.pay(at=clock.now)
    btcpay.pay(at=clock.now)
    sweep(tollgate)
    assert (view_order(tollgate, opened.order.id).attention, rows(Entitlement)[0].ends_at - clock.now) == (
        "paid_twice",
        tollgate.catalog.offers["pro", "btcpay"].term,
    )


def test_the_other_rail_is_closed_once_the_order_is_paid(tollgate, buy, stripe, btcpay, clock):
    opened = buy()
    add_checkout(tollgate, opened.order.id, "btcpay")
    stripe.pay(at=clock.now)
    sync.nudge(tollgate, opened.order.id)
    outbox.run_due(tollgate, CARRIERS)
    assert len(btcpay.closed) == 1


def test_a_parcel_that_fails_is_due_again_later(tollgate, buy, stripe, btcpay, clock, rows):
    def fail(_reference):
        raise Unavailable("down")

    opened = buy()
    add_checkout(tollgate, opened.order.id, "btcpay")
    btcpay.close = fail
    stripe.pay(at=clock.now)
    sync.nudge(tollgate, opened.order.id)
    outbox.run_due(tollgate, CARRIERS)
    parcel = rows(Parcel)[0]
    assert (parcel.state, parcel.due_at > clock.now, parcel.lease) == ("due", True, None)


def test_forty_syncs_at_once_grant_one_term(tollgate, buy, btcpay, clock, checkout_rows, rows):
    buy("btcpay")
    btcpay.pay(at=clock.now)
    checkout_id = checkout_rows()[0].id
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sync.checkout(tollgate, checkout_id), range(40)))
    assert (len(rows(Payment)), len(rows(ApiKey)), rows(Entitlement)[0].ends_at - clock.now) == (
        1,
        1,
        tollgate.catalog.offers["pro", "btcpay"].term,
    )


def test_a_slow_provider_does_not_hold_the_answer(tollgate, buy, stripe, clock, notify, rows, eventually):
    buy()
    go_on = threading.Event()
    stripe.on_snapshot = lambda: go_on.wait(5)
    state = receive(tollgate, "stripe", notify(stripe.pay(at=clock.now)), seconds=0.05).state
    go_on.set()
    assert (state, eventually(lambda: rows(Receipt)[0].state == "applied")) == ("due", True)


def test_what_stripe_could_not_deliver_is_fetched_by_the_sweep(tollgate, buy, stripe, clock, outcome):
    opened = buy()
    clock.forward(hours=5)
    reference = stripe.pay(at=clock.now)
    stripe.missed = lambda since: [Hint("evt_lost", "checkout.session.completed", reference=reference)]
    sweep(tollgate)
    run_once(tollgate)
    assert outcome(opened) is Outcome.ALLOWED


def test_a_subscription_near_its_end_is_asked_about(tollgate, buy, stripe, clock, checkout_rows, rows):
    buy()
    fact = PaymentFact("in_1", PaymentState.PAID, Money(1200, "USD"), clock.now, clock.now, clock.now + MONTH)
    agreement = Agreement("sub_1", AgreementState.ACTIVE)
    reference = next(iter(stripe.answers))
    stripe.answers[reference] = stripe.said(
        stripe.opened[0], reference, CheckoutState.PAID, payments=(fact,), agreement=agreement
    )
    sync.checkout(tollgate, checkout_rows()[0].id)
    clock.forward(days=29, hours=23, minutes=30)
    sync.checkout(tollgate, checkout_rows()[0].id)  # asked about half an hour before the end: too early to know more
    asked = len(stripe.asked)
    clock.forward(minutes=45)
    sweep(tollgate)
    assert len(stripe.asked) == asked + 1


def test_money_for_an_invoice_that_became_invalid_waits_for_an_operator(tollgate, buy, btcpay, clock, outcome, rows):
    opened = buy("btcpay")
    came = {"state": PaymentState.LOST, "checkout_state": CheckoutState.FAILED, "oddities": frozenset({Oddity.INVALID})}
    btcpay.pay(at=clock.now, **came)
    sync.nudge(tollgate, opened.order.id)
    order = view_order(tollgate, opened.order.id)
    assert (outcome(opened), order.attention, rows(Payment)[0].state) == (
        Outcome.PAYMENT_REQUIRED,
        "paid_invalid",
        "held",
    )


def test_an_invoice_that_we_closed_unpaid_leaves_no_payment(tollgate, buy, btcpay, clock, rows):
    opened = buy("btcpay")
    btcpay.pay(at=clock.now, state=PaymentState.LOST, checkout_state=CheckoutState.FAILED)
    sync.nudge(tollgate, opened.order.id)
    assert rows(Payment) == []


def test_an_address_typed_before_the_payment_is_not_the_payers(tollgate, buy, btcpay, checkout_rows, replaced):
    opened = buy("btcpay")
    reference = checkout_rows()[0].reference
    btcpay.answers[reference] = replace(btcpay.answers[reference], payer_email="thief@evil.example")
    sync.nudge(tollgate, opened.order.id)
    assert view_order(tollgate, opened.order.id).email is None


def test_a_rail_that_hangs_is_not_waited_for_twice(tollgate, buy, stripe, clock, notify):
    buy()
    buy()
    reached, go_on = threading.Event(), threading.Event()
    stripe.on_snapshot = lambda: (reached.set(), go_on.wait(5))
    receive(tollgate, "stripe", notify(stripe.pay(0, at=clock.now)), seconds=0.05)
    reached.wait(5)
    asked = len(stripe.asked)
    state = receive(tollgate, "stripe", notify(stripe.pay(1, at=clock.now), "evt_2"), seconds=4).state
    go_on.set()
    assert (state, len(stripe.asked)) == ("due", asked)


def test_what_the_sweep_finds_again_stays_parked(tollgate, buy, stripe, notify, rows):
    buy()
    receive(tollgate, "stripe", notify("cs_stranger"))
    stripe.missed = lambda since: [Hint("evt_1", "paid", reference="cs_stranger")]
    sweep(tollgate)
    assert rows(Receipt)[0].state == "parked"


def test_a_crowd_of_new_orders_does_not_starve_an_old_one(tollgate, buy, btcpay, clock, outcome):
    opened = buy("btcpay")
    sync.nudge(tollgate, opened.order.id)
    btcpay.pay(at=clock.now)
    clock.forward(minutes=10)
    [buy("btcpay") for _ in range(25)]
    sweep(tollgate)
    assert outcome(opened) is Outcome.ALLOWED


def test_a_notification_that_is_released_while_it_is_in_hand_is_applied_all_the_same(
    tollgate, buy, stripe, clock, notify
):
    buy()
    reference, releases = stripe.pay(at=clock.now), [lambda: receipts.release(tollgate, "stripe", "sub_1")]
    stripe.on_snapshot = lambda: releases and releases.pop()()
    assert receive(tollgate, "stripe", notify(reference, agreement="sub_1")).state == "applied"
