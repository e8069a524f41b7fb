"""Subscriptions that an operator ends: the card is not charged any more, whatever our books made of its money."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.checkout import NewOrder, open_order
from app.models import AuditEntry, Checkout, Order
from app.operators import orders, refunds, subscriptions
from app.operators.refunds import RefundOrder
from app.operators.situations import NotPossible, RefundInFlight
from app.problems import InvalidInput, OrderNotFound, ProviderFailed
from providers.base import Refused, Unavailable
from providers.events import Agreement, AgreementState, CheckoutState, Money, Price
from providers.stripe.subscriptions import agreement

ENDED = Agreement("sub_1", AgreementState.CANCELED, datetime(2026, 11, 1, tzinfo=UTC))
WHY = {"reason": "asked by mail", "actor": "admin:ada"}


@pytest.fixture
def subscribed(tollgate, buy, stripe, clock):
    """An order whose subscription is paid for a month; its id."""
    stripe.price_answer = Price("price_pro", Money(1200, "USD"), active=True, interval="month")
    order_id = buy("stripe").order.id
    stripe.subscribe(at=clock(), price="price_pro")
    stripe.on_cancel = lambda _: says(stripe, agreement=Agreement("sub_1", AgreementState.CANCELED, clock()))
    orders.sync_now(tollgate, order_id)
    return order_id


def says(stripe, **changes):
    """From now on the provider says something else of the only session."""
    (reference,) = stripe.answers
    stripe.answers[reference] = replace(stripe.answers[reference], **changes)


def refusing(error):
    def refuse(_):
        raise error

    return refuse


def cut_off_after(act):
    def act_and_die(name):
        act(name)
        raise KeyboardInterrupt

    return act_and_die


def test_a_subscription_is_ended_at_its_provider(tollgate, subscribed, stripe, rows):
    assert subscriptions.cancel(tollgate, subscribed, **WHY) == ("sub_1",)
    assert (stripe.canceled, rows(Checkout)[0].agreement_state) == (["sub_1"], "canceled")


def test_who_ended_it_and_why_is_written_down(tollgate, subscribed, rows):
    subscriptions.cancel(tollgate, subscribed, **WHY)
    (entry,) = [row for row in rows(AuditEntry) if row.action == "subscription.canceled"]
    assert (entry.actor, entry.after) == ("admin:ada", {"subscription": "sub_1", "reason": "asked by mail"})


def test_ending_it_twice_is_written_down_once(tollgate, subscribed, rows):
    subscriptions.cancel(tollgate, subscribed, **WHY)
    assert subscriptions.cancel(tollgate, subscribed, **WHY) == ()
    assert [row.action for row in rows(AuditEntry)].count("subscription.canceled") == 1


@pytest.mark.parametrize("status", ["unpaid", "incomplete"])
def test_one_that_is_worth_nothing_here_but_can_be_charged_again_is_ended(tollgate, subscribed, stripe, status):
    says(stripe, agreement=agreement({"id": "sub_1", "status": status}))
    assert subscriptions.cancel(tollgate, subscribed, **WHY) == ("sub_1",)
    assert stripe.canceled == ["sub_1"]


@pytest.mark.parametrize(("status", "ended_at", "goes_on"), [("unpaid", None, True), ("canceled", 1790000000, False)])
def test_one_goes_on_until_it_has_an_end(tollgate, subscribed, stripe, status, ended_at, goes_on):
    says(stripe, agreement=agreement({"id": "sub_1", "status": status, "ended_at": ended_at}))
    orders.sync_now(tollgate, subscribed)
    assert subscriptions.goes_on(tollgate, subscribed) is goes_on


def test_one_whose_end_was_answered_to_nobody_is_written_down_by_the_next_try(tollgate, subscribed, stripe, rows):
    with tollgate.db.write() as session:
        order = session.get(Order, subscribed)
        order.flags, order.attention = {"paid_twice:sub_1": {"detail": "two", "open": True}}, "paid_twice"
    subscriptions_end, stripe.on_cancel = stripe.on_cancel, cut_off_after(stripe.on_cancel)
    with pytest.raises(KeyboardInterrupt):
        subscriptions.cancel(tollgate, subscribed, **WHY)
    stripe.on_cancel = subscriptions_end
    subscriptions.cancel(tollgate, subscribed, **WHY)
    assert "subscription.canceled" in [row.action for row in rows(AuditEntry)]
    assert (rows(Order)[0].attention, rows(Checkout)[0].agreement_state) == (None, "canceled")


def test_a_subscription_that_does_not_match_its_order_is_ended_all_the_same(tollgate, subscribed, stripe, rows):
    (reference,) = stripe.answers
    says(stripe, sold=replace(stripe.answers[reference].sold, amount=Money(1, "USD")))
    orders.sync_now(tollgate, subscribed)
    assert rows(Order)[0].attention == "mismatch"
    assert subscriptions.cancel(tollgate, subscribed, **WHY) == ("sub_1",)


def test_a_subscription_that_is_ended_is_no_reason_to_look_any_more(tollgate, subscribed, rows):
    with tollgate.db.write() as session:
        order = session.get(Order, subscribed)
        order.flags, order.attention = {"paid_twice:sub_1": {"detail": "two", "open": True}}, "paid_twice"
    subscriptions.cancel(tollgate, subscribed, **WHY)
    assert rows(Order)[0].attention is None


@pytest.fixture
def subscribed_twice(tollgate, subscribed, stripe, rows):
    """Two orders of one key, each with a subscription that goes on; their ids."""
    (first,) = stripe.answers
    going_on = stripe.answers[first]
    says(stripe, agreement=Agreement("sub_1", AgreementState.CANCELED))
    orders.sync_now(tollgate, subscribed)
    other = open_order(tollgate, NewOrder("pro", "stripe", renews=rows(Order)[0].entitlement_id)).order.id
    second = next(name for name in stripe.answers if name != first)
    sub_2 = Agreement("sub_2", AgreementState.ACTIVE)
    stripe.answers[first] = going_on
    stripe.answers[second] = stripe.said(stripe.opened[1], second, CheckoutState.PROCESSING, agreement=sub_2)
    stripe.on_cancel = lambda _: stripe.answers.update({first: replace(going_on, agreement=ENDED)})
    [orders.sync_now(tollgate, order_id) for order_id in (other, subscribed, other)]
    return subscribed, other


def test_two_subscriptions_of_one_key_are_told_of(subscribed_twice, rows):
    assert {row.id: row.attention for row in rows(Order)} == dict.fromkeys(subscribed_twice, "paid_twice")


def test_once_one_of_two_has_ended_the_other_is_no_reason_to_look_either(tollgate, subscribed_twice, rows):
    subscriptions.cancel(tollgate, subscribed_twice[0], **WHY)
    assert {row.attention for row in rows(Order)} == {None}


def test_one_of_two_that_may_still_return_leaves_the_flags(tollgate, subscribed_twice, stripe, rows):
    first = next(iter(stripe.answers))
    stripe.answers[first] = replace(stripe.answers[first], agreement=agreement({"id": "sub_1", "status": "unpaid"}))
    orders.sync_now(tollgate, subscribed_twice[0])
    assert {row.attention for row in rows(Order)} == {"paid_twice"}


@pytest.mark.parametrize("provider", ["btcpay", "stripe"])
def test_an_order_that_was_to_be_paid_once_has_none(tollgate, buy, provider):
    with pytest.raises(NotPossible, match="no subscription"):
        subscriptions.cancel(tollgate, buy(provider).order.id, **WHY)


def test_a_subscription_that_nobody_took_out_cannot_be_ended(tollgate, subscribed, stripe):
    says(stripe, agreement=None)
    with pytest.raises(NotPossible, match="no subscription"):
        subscriptions.cancel(tollgate, subscribed, **WHY)


def test_an_unknown_order_has_none(tollgate):
    with pytest.raises(OrderNotFound):
        subscriptions.cancel(tollgate, "ord_nobody", **WHY)


@pytest.mark.parametrize(("error", "refused"), [(Unavailable("down"), False), (Refused("no permission"), True)])
def test_what_the_provider_did_not_do_is_not_written_down(tollgate, subscribed, stripe, rows, error, refused):
    stripe.on_cancel = refusing(error)
    with pytest.raises(ProviderFailed) as raised:
        subscriptions.cancel(tollgate, subscribed, **WHY)
    assert raised.value.refused is refused
    assert "subscription.canceled" not in [row.action for row in rows(AuditEntry)]


def test_a_refund_leaves_the_subscription_alone_unless_told(tollgate, subscribed, stripe):
    refunds.refund(tollgate, subscribed, RefundOrder(), actor="admin:ada")
    assert (stripe.canceled, subscriptions.goes_on(tollgate, subscribed)) == ([], True)


def test_a_refund_ends_the_subscription_when_told(tollgate, subscribed, stripe):
    made = refunds.refund(tollgate, subscribed, RefundOrder(cancel_subscription=True), actor="admin:ada")
    assert (made.amount, stripe.canceled, subscriptions.goes_on(tollgate, subscribed)) == (1200, ["sub_1"], False)


def test_a_refund_that_cannot_be_made_ends_nothing(tollgate, subscribed, stripe):
    with pytest.raises(InvalidInput):
        refunds.refund(tollgate, subscribed, RefundOrder(amount=9999, cancel_subscription=True), actor="admin:ada")
    assert stripe.canceled == []


def test_a_refund_that_must_wait_for_another_one_ends_nothing(tollgate, subscribed, stripe):
    stripe.refund_answer = Unavailable("slow")
    with pytest.raises(ProviderFailed):
        refunds.refund(tollgate, subscribed, RefundOrder(), actor="admin:ada")
    with pytest.raises(RefundInFlight):
        refunds.refund(tollgate, subscribed, RefundOrder(cancel_subscription=True), actor="admin:bob")
    assert stripe.canceled == []


def test_no_money_goes_back_where_the_subscription_could_not_be_ended(tollgate, subscribed, stripe):
    stripe.on_cancel = refusing(Unavailable("down"))
    with pytest.raises(ProviderFailed):
        refunds.refund(tollgate, subscribed, RefundOrder(cancel_subscription=True), actor="admin:ada")
    assert stripe.refunded == []
