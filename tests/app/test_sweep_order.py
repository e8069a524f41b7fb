"""A sweep asks about twenty checkouts at most: who is among them when there are more."""

import pytest
from sqlalchemy import update

from app import sync
from app.gate import Gate, Outcome
from app.models import Checkout
from app.sweep import MOST_CALLS, sweep


@pytest.fixture
def works(tollgate):
    return lambda opened: Gate(tollgate).decide({"X-API-Key": opened.api_key.reveal()}).outcome is Outcome.ALLOWED


@pytest.fixture
def crowd(buy):
    """More orders than one sweep can ask about."""
    return lambda: [buy("btcpay") for _ in range(MOST_CALLS + 5)]


def test_who_has_just_paid_does_not_wait_behind_those_that_are_looked_after_now_and_then(
    tollgate, buy, btcpay, clock, crowd, works
):
    crowd()
    clock.forward(hours=20)
    opened = buy("btcpay")
    btcpay.pay(at=clock.now)
    sweep(tollgate)
    assert works(opened)


def test_a_crowd_of_new_orders_leaves_a_few_calls_for_old_ones(tollgate, buy, btcpay, clock, crowd, works):
    opened = buy("btcpay")
    sync.nudge(tollgate, opened.order.id)
    btcpay.pay(at=clock.now)
    clock.forward(hours=20)
    crowd()
    sweep(tollgate)
    assert works(opened)


def test_a_sweep_asks_about_no_more_than_it_may(tollgate, clock, btcpay, crowd):
    crowd()
    clock.forward(hours=20)
    crowd()
    before = len(btcpay.asked)
    clock.forward(minutes=10)
    sweep(tollgate)
    assert len(btcpay.asked) - before == MOST_CALLS


def test_who_paid_an_hour_late_does_not_wait_behind_subscriptions(tollgate, buy, btcpay, clock, crowd, works):
    crowd()
    with tollgate.db.write() as session:
        session.execute(update(Checkout).values(state="paid", agreement=Checkout.id, agreement_state="active"))
    clock.forward(hours=20)
    opened = buy("btcpay")
    sync.nudge(tollgate, opened.order.id)
    btcpay.pay(at=clock.now)
    clock.forward(minutes=65)
    sweep(tollgate)
    assert works(opened)


def test_a_sweep_that_has_nothing_else_to_ask_asks_about_the_pressing_only(tollgate, btcpay, clock, crowd):
    crowd()
    clock.forward(minutes=10)
    before = len(btcpay.asked)
    sweep(tollgate)
    assert len(btcpay.asked) - before == MOST_CALLS


def test_two_busy_rails_share_what_a_sweep_may_ask(tollgate, buy, btcpay, stripe, clock, crowd):
    crowd()
    [buy("stripe") for _ in range(MOST_CALLS)]
    clock.forward(minutes=10)
    before = len(btcpay.asked) + len(stripe.asked)
    sweep(tollgate)
    assert len(btcpay.asked) + len(stripe.asked) - before <= MOST_CALLS
