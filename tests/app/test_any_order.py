"""The whole life of a subscription, told in every order and more than once: the books end where the provider is."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from trials import some

from app import ingest
from app.models import Checkout, Order, Payment
from app.tollgate import Tollgate
from keystore.models import ApiKey, Entitlement
from providers.events import (
    Agreement,
    AgreementState,
    CheckoutState,
    Notification,
    PaymentFact,
    PaymentState,
    RefundFact,
)

MONTH = timedelta(days=30)
PAID, BACK = PaymentState.PAID, PaymentState.REFUNDED
ACTIVE, LATE, OVER = AgreementState.ACTIVE, AgreementState.PAST_DUE, AgreementState.CANCELED
LIFE = {  # event -> what the provider says from then on: invoices in order, the agreement, when it was told to end
    "checkout.session.completed": ((PAID,), ACTIVE, None),
    "invoice.paid": ((PAID, PAID), ACTIVE, None),
    "invoice.payment_failed": ((PAID, PAID), LATE, None),
    "customer.subscription.updated": ((PAID, PAID, PAID), ACTIVE, 3),
    "charge.refunded": ((PAID, PAID, BACK), ACTIVE, 3),
    "customer.subscription.deleted": ((PAID, PAID, BACK), OVER, 2),
    "charge.dispute.closed": ((PAID, PAID, BACK), OVER, 2),
}
EVENTS = list(LIFE)
LAST = len(EVENTS) - 1


@dataclass(frozen=True)
class Life:
    """Subscriptions whose provider moves on from stage to stage while notifications arrive in an order of their own."""

    tollgate: Tollgate
    rail: Any
    buy: Callable[[], Any]
    start: datetime

    def tell(self, events, stages):
        """A new subscription; each event is delivered when the provider is at its stage. What the books say after each."""
        self.buy()
        request = self.rail.opened[-1]
        return [self._deliver(request, event, stage) for event, stage in zip(events, stages, strict=True)]

    def _deliver(self, request, event, stage):
        snapshot = self._says(request, stage)
        self.rail.answers[snapshot.reference] = snapshot
        hint = {"event_id": f"{event}_{request.order}", "kind": event, "reference": snapshot.reference}
        ingest.receive(
            self.tollgate, "stripe", Notification(json.dumps([hint]).encode(), {"signature": "good"}, self.start)
        )
        return self._books(request.order)

    def _says(self, request, stage):
        invoices, state, ends = LIFE[EVENTS[stage]]
        paid = tuple(self._invoice(request, number, worth) for number, worth in enumerate(invoices))
        back = tuple(
            RefundFact(f"re_{fact.reference}", fact.reference, fact.money, "succeeded")
            for fact in paid
            if fact.state is BACK
        )
        agreement = Agreement(f"sub_{request.order}", state, ends and self.start + MONTH * ends, "price_pro", "cus_1")
        reference = f"stripe-{request.checkout}-{request.attempt}"
        return self.rail.said(request, reference, CheckoutState.PAID, payments=paid, refunds=back, agreement=agreement)

    def _invoice(self, request, number, worth):
        begins = self.start + MONTH * number
        return PaymentFact(
            f"in_{request.order}_{number}", worth, request.money, begins, begins, begins + MONTH, "price_pro"
        )

    def _books(self, order_id):
        with self.tollgate.db.read() as session:
            order = session.get_one(Order, order_id)
            checkout = session.scalars(select(Checkout).where(Checkout.order_id == order_id)).one()
            right = session.get_one(Entitlement, order.entitlement_id)
            money = session.scalars(
                select(Payment).where(Payment.checkout_id == checkout.id).order_by(Payment.reference)
            )
            worth = tuple(row.state for row in money)
            keys = session.scalars(select(ApiKey.status).where(ApiKey.entitlement_id == right.id)).all()
        return (
            order.status,
            checkout.agreement_state,
            right.status,
            right.ends_at,
            right.grace_ends_at,
            worth,
            tuple(keys),
        )


@pytest.fixture
def life(tollgate, buy, stripe, clock):
    return Life(tollgate, stripe, buy, clock.now)


@pytest.fixture
def truth(life):
    """What the books say of somebody who is told only once, at that stage."""
    return [life.tell(EVENTS[stage : stage + 1], [stage])[0] for stage in range(len(LIFE))]


def mismatches(life, truth, told):
    """Lives whose books were ever not where the provider was."""
    return [
        (events, stages) for events, stages in told if life.tell(events, stages) != [truth[stage] for stage in stages]
    ]


def interleavings(count):
    """Every way in which `count` events can arrive while the provider moves on: each after its stage has come, in any order."""

    def go_on(stage, waiting, so_far):
        if stage == count - 1 and not waiting:
            yield so_far
        if stage < count - 1:
            yield from go_on(stage + 1, waiting | {stage + 1}, so_far)
        for event in sorted(waiting):
            yield from go_on(stage, waiting - {event}, (*so_far, (event, stage)))

    for way in go_on(0, frozenset({0}), ()):
        yield [EVENTS[event] for event, _ in way], [stage for _, stage in way]


def test_every_stage_looks_different_but_the_last(truth):
    assert len(set(truth)) == len(truth) - 1


def test_a_finished_life_told_in_any_order_ends_where_the_provider_is(life, truth):
    told = [(events, [LAST] * len(EVENTS)) for events in some(itertools.permutations(EVENTS))]
    assert mismatches(life, truth, told) == []


def test_a_finished_life_told_in_any_order_and_twice_ends_where_the_provider_is(life, truth):
    orders = some(set(itertools.permutations(EVENTS[:4] * 2, 6)))
    assert mismatches(life, truth, [(events, [LAST] * len(events)) for events in orders]) == []


def test_a_life_told_while_it_goes_on_is_never_behind_the_last_notification(life, truth):
    assert mismatches(life, truth, some(interleavings(5))) == []


def test_and_with_every_notification_twice(life, truth):
    told = [(events * 2, [*stages, *[max(stages)] * len(stages)]) for events, stages in some(interleavings(4))]
    assert mismatches(life, truth, told) == []
