"""A subscription's invoice may be told of before its session, and names the subscription alone: it is not left behind."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app import receipts, sync
from app.ingest import receive
from app.models import Checkout, Receipt
from app.sweep import sweep
from app.worker import run_once
from providers.events import Money

MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Subscribed:
    """A paid subscription of which nobody has told us yet."""

    session: Any
    invoice: Any


@pytest.fixture
def told(buy, stripe, clock, notify):
    buy()
    reference = stripe.subscribe(at=clock())
    invoice = notify(None, "evt_invoice", kind="invoice.paid", agreement="sub_1")
    return Subscribed(notify(reference, "evt_session", kind="checkout.session.completed"), invoice)


@pytest.fixture
def states(rows):
    return lambda: {row.event_id: row.state for row in rows(Receipt)}


def test_an_invoice_before_its_session_waits(tollgate, told):
    assert receive(tollgate, "stripe", told.invoice).state == "parked"


def test_an_invoice_before_its_session_is_applied_once_the_session_came(tollgate, told, states):
    receive(tollgate, "stripe", told.invoice)
    receive(tollgate, "stripe", told.session)
    assert states() == {"evt_invoice": "due", "evt_session": "applied"}
    run_once(tollgate)
    assert states() == {"evt_invoice": "applied", "evt_session": "applied"}


def test_an_invoice_after_its_session_is_applied_at_once(tollgate, told, states):
    receive(tollgate, "stripe", told.session)
    receive(tollgate, "stripe", told.invoice)
    assert states() == {"evt_invoice": "applied", "evt_session": "applied"}


def test_a_parking_under_way_while_the_subscription_becomes_known_comes_to_nothing(
    tollgate, told, states, rows, checkout_rows
):
    receive(tollgate, "stripe", told.invoice)
    parked = rows(Receipt)[0].id
    receipts.release(tollgate, "stripe", "sub_1")
    leased = receipts.lease(tollgate, parked)
    sync.checkout(tollgate, checkout_rows()[0].id)
    receipts.park(tollgate, leased)
    assert states() == {"evt_invoice": "due"}


def test_what_names_a_subscription_that_is_known_is_never_parked(tollgate, told, states, rows, checkout_rows):
    receive(tollgate, "stripe", told.invoice)
    sync.checkout(tollgate, checkout_rows()[0].id)
    receipt_id = rows(Receipt)[0].id
    receipts.park(tollgate, receipts.lease(tollgate, receipt_id))
    before = states()
    run_once(tollgate)
    assert (before, states()) == ({"evt_invoice": "due"}, {"evt_invoice": "applied"})


@pytest.fixture
def named_by_one_who_died(tollgate):
    """A checkout gets a name, and nobody lives to release what waits for it."""

    def _named(**name):
        with tollgate.db.write() as session:
            session.execute(update(Checkout).values(**name))

    return _named


@pytest.mark.parametrize("name", [{"reference": "cs_1"}, {"agreement": "sub_1"}])
def test_what_came_before_a_name_whose_writer_died_is_released_by_the_sweep(
    tollgate, buy, stripe, notify, states, named_by_one_who_died, name
):
    buy()
    stripe.answers["cs_1"] = next(iter(stripe.answers.values()))
    receive(tollgate, "stripe", notify(name.get("reference"), agreement=name.get("agreement")))
    named_by_one_who_died(**name)
    before = states()
    sweep(tollgate)
    run_once(tollgate)
    assert (before, states()) == ({"evt_1": "parked"}, {"evt_1": "applied"})


def test_what_has_no_checkout_stays_parked_through_a_sweep(tollgate, told, states):
    receive(tollgate, "stripe", replace(told.invoice, body=told.invoice.body.replace(b"sub_1", b"sub_2")))
    sweep(tollgate)
    assert states() == {"evt_invoice": "parked"}


def test_what_was_parked_after_too_many_tries_stays_so_through_a_sweep(tollgate, told, states):
    receive(tollgate, "stripe", told.session)
    with tollgate.db.write() as session:
        session.execute(update(Receipt).values(state="parked", error="Unavailable: down"))
    sweep(tollgate)
    assert states() == {"evt_session": "parked"}


def test_a_subscription_that_was_not_taken_in_releases_nothing(tollgate, told, stripe, states, checkout_rows):
    (reference,) = stripe.answers
    stripe.answers[reference] = replace(
        stripe.answers[reference], sold=replace(stripe.answers[reference].sold, amount=Money(1, "USD"))
    )
    receive(tollgate, "stripe", told.invoice)
    sync.checkout(tollgate, checkout_rows()[0].id)
    assert states() == {"evt_invoice": "parked"}
