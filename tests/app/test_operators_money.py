"""Money that came oddly, and money that goes back."""

import json
from dataclasses import replace

import pytest

from app.checkout import add_checkout
from app.ingest import receive
from app.models import Adjustment, AuditEntry, Order, Parcel, Payment, Refund
from app.operators import money, orders, refunds
from app.operators.refunds import RefundOrder
from app.operators.situations import (
    AlreadyRefunded,
    NotHeld,
    NotPossible,
    NotThere,
    RefundInFlight,
    RefundRefused,
)
from app.problems import InvalidInput, OrderNotFound, ProviderFailed
from keystore.models import Entitlement
from providers.base import RefundMade, Refused, Unavailable
from providers.events import CheckoutState, Money, Oddity, PaymentState, RefundFact

NOBODY = "ord_nobody"


@pytest.fixture
def late(tollgate, buy, btcpay, clock):
    """An order whose whole price came too late; its id."""
    order_id = buy("btcpay").order.id
    btcpay.pay(
        at=clock(),
        state=PaymentState.HELD,
        checkout_state=CheckoutState.EXPIRED,
        oddities=frozenset({Oddity.PAID_LATE}),
    )
    orders.sync_now(tollgate, order_id)
    return order_id


@pytest.fixture
def paid(tollgate, buy, stripe, clock):
    """An order that is paid by card; its id."""
    order_id = buy("stripe").order.id
    stripe.pay(at=clock())
    orders.sync_now(tollgate, order_id)
    return order_id


@pytest.fixture
def state(rows):
    """How the only order and its entitlement stand."""
    return lambda: (rows(Order)[0].status, rows(Order)[0].attention, rows(Entitlement)[0].status)


def give_back(tollgate, order_id, **wanted):
    return refunds.refund(tollgate, order_id, RefundOrder(**wanted), actor="admin:ada")


def test_late_money_waits_until_it_is_accepted(tollgate, late, state):
    assert state() == ("expired", "paid_late", "pending")
    money.accept(tollgate, late, actor="admin:ada")
    assert state() == ("paid", None, "active")


def test_accepted_time_starts_when_it_was_accepted(tollgate, late, clock, rows):
    clock.forward(days=3)
    money.accept(tollgate, late, actor="admin:ada")
    assert (rows(Entitlement)[0].ends_at - clock()).days == 30


def test_what_was_accepted_stays_accepted_when_the_provider_is_asked_again(tollgate, late, state):
    money.accept(tollgate, late, actor="admin:ada")
    orders.sync_now(tollgate, late)
    assert state() == ("paid", None, "active")


def test_who_accepted_and_why_is_written_down(tollgate, late, rows):
    money.accept(tollgate, late, reason="the bank was slow", actor="admin:ada")
    entry = next(row for row in rows(AuditEntry) if row.action == "payment.accepted")
    assert (entry.actor, entry.target, entry.after["reason"]) == ("admin:ada", late, "the bank was slow")


def test_accepting_closes_the_other_checkouts(tollgate, late, buy, rows, checkout_rows):
    add_checkout(tollgate, late, "stripe")
    money.accept(tollgate, late, actor="admin:ada")
    assert "close_checkout" in {parcel.kind for parcel in rows(Parcel)}


def test_what_is_not_held_cannot_be_accepted(tollgate, paid, rows):
    with pytest.raises(NotHeld):
        money.accept(tollgate, paid, actor="admin:ada")
    assert rows(Adjustment) == []


def test_nothing_is_accepted_twice(tollgate, late, rows):
    money.accept(tollgate, late, actor="admin:ada")
    with pytest.raises(NotHeld):
        money.accept(tollgate, late, actor="admin:ada")
    assert len(rows(Adjustment)) == 1


def test_the_second_payment_of_an_order_can_be_accepted_as_more_time(tollgate, buy, stripe, btcpay, clock, rows):
    order_id = buy("stripe").order.id
    add_checkout(tollgate, order_id, "btcpay")
    stripe.pay(at=clock())
    btcpay.pay(at=clock())
    orders.sync_now(tollgate, order_id)
    money.accept(tollgate, order_id, actor="admin:ada")
    assert (rows(Entitlement)[0].ends_at - clock()).days == 60
    assert rows(Order)[0].attention is None


@pytest.mark.parametrize("act", [money.accept, orders.sync_now])
def test_an_unknown_order_cannot_be_mended(tollgate, act):
    with pytest.raises(OrderNotFound):
        act(tollgate, NOBODY, **({"actor": "admin:ada"} if act is money.accept else {}))


def test_a_payment_of_another_order_is_not_there(tollgate, late, paid, rows):
    other = next(row.id for row in rows(Payment) if row.provider == "stripe")
    with pytest.raises(NotThere):
        money.accept(tollgate, late, payment=other, actor="admin:ada")


def test_a_full_refund_ends_the_key_and_the_order(tollgate, paid, state, stripe):
    made = give_back(tollgate, paid)
    assert (made.state, made.amount, state()) == ("succeeded", 1200, ("refunded", None, "ended"))
    assert stripe.refunded[0][1].amount == 1200


def test_a_refund_in_part_leaves_the_key(tollgate, paid, state):
    give_back(tollgate, paid, amount=500)
    assert state() == ("paid", None, "active")


def test_two_parts_that_make_the_whole_end_the_key(tollgate, paid, state):
    give_back(tollgate, paid, amount=500)
    give_back(tollgate, paid)
    assert state() == ("refunded", None, "ended")


@pytest.mark.parametrize("amount", [0, -1, 1201, 10**12])
def test_no_more_goes_back_than_came(tollgate, paid, stripe, rows, amount):
    with pytest.raises(InvalidInput):
        give_back(tollgate, paid, amount=amount)
    assert (stripe.refunded, rows(Refund)) == ([], [])


def test_nothing_goes_back_twice(tollgate, paid, stripe):
    give_back(tollgate, paid)
    with pytest.raises(AlreadyRefunded):
        give_back(tollgate, paid)
    assert len(stripe.refunded) == 1


def test_an_unpaid_order_has_nothing_to_give_back(tollgate, buy):
    with pytest.raises(NotPossible):
        give_back(tollgate, buy("stripe").order.id)


def test_held_money_can_go_back_and_its_flag_is_closed(tollgate, late, btcpay, state):
    btcpay.refund_answer = RefundMade("PULL1", "pending", "https://pay.example/PULL1")
    made = give_back(tollgate, late)
    assert made.link == "https://pay.example/PULL1"
    assert state() == ("expired", None, "pending")


def test_held_money_that_went_back_cannot_be_accepted(tollgate, late):
    give_back(tollgate, late)
    with pytest.raises(NotHeld):
        money.accept(tollgate, late, actor="admin:ada")


def test_a_refusal_of_the_provider_changes_nothing(tollgate, paid, stripe, state):
    stripe.refund_answer = Refused("Stripe said 400: charge_disputed")
    with pytest.raises(RefundRefused, match="charge_disputed"):
        give_back(tollgate, paid)
    assert state() == ("paid", None, "active")


def test_after_a_refusal_it_can_be_tried_again(tollgate, paid, stripe):
    stripe.refund_answer = Refused("no")
    with pytest.raises(RefundRefused):
        give_back(tollgate, paid)
    stripe.refund_answer = None
    assert give_back(tollgate, paid).state == "succeeded"


def test_an_unclear_answer_ends_nobodys_key(tollgate, paid, stripe, state):
    stripe.refund_answer = Unavailable("time-out")
    with pytest.raises(ProviderFailed):
        give_back(tollgate, paid)
    assert state() == ("paid", None, "active")


def test_while_one_refund_is_unclear_no_other_is_made(tollgate, paid, stripe, clock):
    stripe.refund_answer = Unavailable("time-out")
    with pytest.raises(ProviderFailed):
        give_back(tollgate, paid)
    clock.forward(seconds=60)
    with pytest.raises(RefundInFlight):
        give_back(tollgate, paid, amount=500)
    assert len(stripe.refunded) == 1


def test_an_unclear_refund_is_repeated_under_the_same_key(tollgate, paid, stripe, clock, rows):
    stripe.refund_answer = Unavailable("time-out")
    with pytest.raises(ProviderFailed):
        give_back(tollgate, paid)
    clock.forward(seconds=60)
    stripe.refund_answer = None
    give_back(tollgate, paid)
    assert [(key, retry) for _, _, key, retry in stripe.refunded] == [
        (rows(Refund)[0].id, False),
        (rows(Refund)[0].id, True),
    ]


def test_a_second_operator_at_the_same_moment_is_told_to_wait(tollgate, paid, stripe):
    stripe.refund_answer = Unavailable("time-out")
    with pytest.raises(ProviderFailed):
        give_back(tollgate, paid)
    with pytest.raises(RefundInFlight):
        give_back(tollgate, paid)
    assert len(stripe.refunded) == 1


def test_a_webhook_that_was_faster_leaves_one_refund(tollgate, paid, stripe, clock, rows):
    reference = stripe.pay(at=clock())
    told = RefundFact("re_1", reference, Money(1200, "USD"), "succeeded")
    stripe.answers[reference] = replace(stripe.answers[reference], refunds=(told,))
    stripe.refund_answer = Unavailable("time-out")
    with pytest.raises(ProviderFailed):
        give_back(tollgate, paid)
    orders.sync_now(tollgate, paid)
    with pytest.raises(AlreadyRefunded):
        give_back(tollgate, paid)
    assert sum(row.amount for row in rows(Refund) if row.state == "succeeded") == 1200


def test_a_rehearsal_asks_nobody(tollgate, paid, stripe):
    assert refunds.preview(tollgate, paid, RefundOrder(amount=500)).amount == 500
    assert stripe.refunded == []


def test_a_refund_made_in_btcpay_ends_the_key(tollgate, buy, btcpay, clock, notify, state):
    buy("btcpay")
    reference = btcpay.pay(at=clock())
    receive(tollgate, "btcpay", notify(reference, "evt_paid", account="Store1"))
    receive(tollgate, "btcpay", notify(reference, "evt_back", account="Store1", refund="PULL1", kind="InvoiceRefund"))
    assert state() == ("refunded", None, "ended")


def test_flags_are_closed_with_a_reason(tollgate, late, state, rows):
    assert money.resolve(tollgate, late, reason="the buyer agreed to wait", actor="admin:ada") == ("paid_late",)
    assert state()[1] is None
    assert json.dumps([row.after for row in rows(AuditEntry)]).count("agreed to wait") == 1


@pytest.mark.parametrize("code", [None, "paid_twice"])
def test_what_is_not_flagged_cannot_be_closed(tollgate, paid, code):
    with pytest.raises(NotPossible):
        money.resolve(tollgate, paid, code=code, reason="tidying", actor="admin:ada")


def test_a_closed_flag_stays_closed_when_the_provider_is_asked_again(tollgate, late, state):
    money.resolve(tollgate, late, code="paid_late", reason="known", actor="admin:ada")
    orders.sync_now(tollgate, late)
    assert state()[1] is None
