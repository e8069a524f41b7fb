"""Our books against the providers'."""

from datetime import timedelta

import pytest

from app.models import Order
from app.operators import reconcile
from providers.base import SeenPayment
from providers.events import Money

PAID = Money(1200, "USD")


@pytest.fixture
def listed(stripe, clock):
    """Have the card rail list a payment."""

    def _listed(reference=None, *, order="ord_x", agreement=None):
        stripe.listed.append(SeenPayment(order, PAID, clock(), reference, agreement))

    return _listed


@pytest.fixture
def found(tollgate, clock):
    return lambda: list(reconcile.find(tollgate, clock() - timedelta(days=1)))


def test_a_payment_without_an_order_is_named(listed, found):
    listed("cs_lost")
    assert [(one.payment.reference, one.checkout) for one in found()] == [("cs_lost", None)]


def test_a_payment_whose_webhook_was_lost_is_found_and_applied(tollgate, buy, stripe, clock, listed, found, rows):
    buy("stripe")
    listed(stripe.pay(at=clock()))
    reconcile.apply(tollgate, found()[0].checkout)
    assert rows(Order)[0].status == "paid"


def test_a_renewal_of_an_unknown_subscription_is_found_by_its_order(buy, listed, found, checkout_rows):
    order_id = buy("stripe").order.id
    listed(order=order_id, agreement="sub_1")
    assert found()[0].checkout == checkout_rows()[0].id


def test_a_checkout_is_asked_about_once(buy, stripe, clock, listed, found):
    order_id = buy("stripe").order.id
    listed(stripe.pay(at=clock()))
    listed(order=order_id, agreement="sub_1")
    assert len(found()) == 1
