"""Whoever looks at a page of theirs sees what changed about their subscription, before any webhook told us."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app import sync
from app.checkout import NewOrder, open_order
from app.models import Checkout
from providers.base import Unavailable
from providers.events import Agreement, AgreementState

MONTH = timedelta(days=30)


@pytest.fixture
def subscribed(tollgate, buy, stripe, clock):
    """A paid subscription that was asked about a minute ago; its order."""
    order = buy().order
    stripe.subscribe(at=clock())
    sync.nudge(tollgate, order.id)
    clock.forward(minutes=1)
    stripe.asked.clear()
    return order


@pytest.fixture
def agreed(stripe, clock):
    """What was agreed in the billing portal meanwhile."""

    def _agreed(state=AgreementState.ACTIVE, **more):
        (reference,) = stripe.answers
        stripe.answers[reference] = replace(stripe.answers[reference], agreement=Agreement("sub_1", state, **more))

    return _agreed


def test_a_cancellation_shows_when_the_buyer_is_back(tollgate, subscribed, agreed, clock, rows):
    agreed(cancels_at=clock() + MONTH)
    sync.nudge(tollgate, subscribed.id)
    assert rows(Checkout)[0].agreement_ends_at == clock() + MONTH


def test_it_shows_on_the_page_of_another_order_for_the_same_key_too(tollgate, subscribed, agreed, clock, checkout_rows):
    renewal = open_order(tollgate, NewOrder("pro", "btcpay", renews=subscribed.entitlement)).order
    agreed(cancels_at=clock() + MONTH)
    sync.nudge(tollgate, renewal.id)
    assert checkout_rows()[0].agreement_ends_at == clock() + MONTH


def test_looking_often_asks_once(tollgate, subscribed, stripe, clock):
    sync.nudge(tollgate, subscribed.id)
    clock.forward(seconds=4)
    sync.nudge(tollgate, subscribed.id)
    assert len(stripe.asked) == 1


def test_a_subscription_that_is_over_is_not_asked_about(tollgate, subscribed, agreed, stripe, clock):
    agreed(AgreementState.CANCELED)
    sync.nudge(tollgate, subscribed.id)
    clock.forward(minutes=1)
    sync.nudge(tollgate, subscribed.id)
    assert len(stripe.asked) == 1


def test_somebody_elses_subscription_is_not_asked_about(tollgate, subscribed, buy, stripe):
    sync.nudge(tollgate, buy("btcpay").order.id)
    assert stripe.asked == []


def test_a_provider_that_is_down_leaves_what_is_known(tollgate, subscribed, stripe, rows):
    stripe.answers = dict.fromkeys(stripe.answers, Unavailable("down"))
    sync.nudge(tollgate, subscribed.id)
    assert rows(Checkout)[0].agreement_state == "active"
