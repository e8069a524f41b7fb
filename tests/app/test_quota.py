"""Quotas at the gate: what resets them, what does not, and what they cost when nothing is wrong."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event

from app import keys, sync
from app.decision import Outcome, Toll
from app.gate import Gate
from app.keys import KeyChanges, KeyOrder
from keystore.limits import MemoryCounter
from keystore.models import QuotaBlock
from keystore.plans import Plan, Quota, Rate

SMALL, LARGE = 3, 5000


@pytest.fixture
def tollgate(tollgate):
    """`small`: 3 per period; `pro` and `team`: 5000, and 600 a minute."""
    plans = {slug: replace(plan, quota=Quota(LARGE)) for slug, plan in tollgate.catalog.plans.items()}
    plans |= {"small": Plan("small", "Small", (Rate("minute", 600, 60),), Quota(SMALL))}
    return replace(tollgate, catalog=replace(tollgate.catalog, plans=plans))


@pytest.fixture
def clocked(tollgate, clock):
    """A fresh gate whose cache lives by the test's clock."""
    return lambda: Gate(tollgate, monotonic=lambda: clock().timestamp())


@pytest.fixture
def small_key(tollgate):
    return keys.create(tollgate, KeyOrder("small", term_days=30), actor="test")


def ask(gate, key, **toll):
    return gate.decide_key(key.api_key.reveal(), Toll(**toll))


def spend(gate, key, times, **toll):
    return [ask(gate, key, **toll).outcome for _ in range(times)]


def left(gate, key):
    return ask(gate, key, peek=True).count.quota.remaining


def test_as_many_pass_as_the_quota_says(clocked, small_key):
    outcomes = spend(clocked(), small_key, 5)

    assert outcomes == [Outcome.ALLOWED] * 3 + [Outcome.QUOTA_EXCEEDED] * 2


def test_the_refusal_says_when_the_period_ends(clocked, small_key, clock):
    gate = clocked()
    spend(gate, small_key, 3)
    clock.forward(days=10)
    refused = ask(gate, small_key)

    assert refused.count.quota.reset == 20 * 86400
    assert refused.detail == "3 per paid period on plan small; this one ends at 2026-12-01T12:00:00Z"


def test_a_refused_request_costs_no_window(clocked, small_key):
    gate = clocked()
    spend(gate, small_key, 9)

    assert ask(gate, small_key, peek=True).count.allowances[0].remaining == 597


def test_a_request_costs_what_it_costs(clocked, small_key):
    assert spend(clocked(), small_key, 2, cost=2) == [Outcome.ALLOWED, Outcome.QUOTA_EXCEEDED]


def test_what_is_too_dear_leaves_the_rest_for_others(clocked, small_key):
    gate = clocked()
    spend(gate, small_key, 2, cost=2)

    assert spend(gate, small_key, 2) == [Outcome.ALLOWED, Outcome.QUOTA_EXCEEDED]


def test_what_the_quota_could_never_hold_is_not_a_matter_of_waiting(clocked, small_key):
    assert ask(clocked(), small_key, cost=4).outcome is Outcome.INSUFFICIENT_SCOPE


def test_looking_costs_nothing_and_knows_what_is_left(clocked, small_key):
    gate = clocked()
    spend(gate, small_key, 1)

    assert [left(gate, small_key) for _ in range(3)] == [2, 2, 2]


def test_looking_first_tells_the_whole_quota(clocked, small_key):
    assert left(clocked(), small_key) == 3


def test_a_restart_does_not_reset(tollgate, clocked, small_key):
    spend(clocked(), small_key, 2)
    restarted = Gate(replace(tollgate, counter=MemoryCounter()))

    assert spend(restarted, small_key, 2) == [Outcome.ALLOWED, Outcome.QUOTA_EXCEEDED]


def test_a_restart_loses_no_more_than_a_block(tollgate, clocked):
    key = keys.create(tollgate, KeyOrder("pro"), actor="test")
    spend(clocked(), key, 1)
    restarted = Gate(replace(tollgate, counter=MemoryCounter()))
    spend(restarted, key, 1)

    assert left(restarted, key) == LARGE - LARGE // 1000 - 1


def test_rotation_does_not_reset(tollgate, clocked, small_key):
    spend(clocked(), small_key, 2)
    successor = keys.rotate(tollgate, small_key.key_id, grace_seconds=0, actor="test")

    assert spend(clocked(), successor, 2) == [Outcome.ALLOWED, Outcome.QUOTA_EXCEEDED]


def test_another_plan_does_not_reset(tollgate, clocked, clock, small_key):
    gate = clocked()
    spend(gate, small_key, 2)
    keys.patch(tollgate, small_key.key_id, KeyChanges(plan="pro"), actor="test")
    clock.forward(seconds=2)

    assert left(gate, small_key) == LARGE - 2


def test_an_edit_of_the_catalogue_does_not_reset(tollgate, clocked, small_key):
    spend(clocked(), small_key, 2)
    plans = {**tollgate.catalog.plans, "small": Plan("small", "Small", (), Quota(4))}
    edited = Gate(replace(tollgate, catalog=replace(tollgate.catalog, plans=plans)))

    assert spend(edited, small_key, 3) == [Outcome.ALLOWED, Outcome.ALLOWED, Outcome.QUOTA_EXCEEDED]


def test_an_entitlement_may_have_a_quota_of_its_own(tollgate, clocked):
    key = keys.create(tollgate, KeyOrder("small", limits={"quota": 1}), actor="test")

    assert spend(clocked(), key, 2) == [Outcome.ALLOWED, Outcome.QUOTA_EXCEEDED]


def test_a_key_for_ever_gets_a_new_quota_every_thirty_days(tollgate, clocked, clock):
    key = keys.create(tollgate, KeyOrder("small"), actor="test")
    gate = clocked()
    spend(gate, key, 4)
    clock.forward(days=30)

    assert spend(gate, key, 4) == [Outcome.ALLOWED] * 3 + [Outcome.QUOTA_EXCEEDED]


@pytest.fixture
def pay_for(tollgate, buy, btcpay, clock):
    """A term of thirty days of `pro`, paid now."""

    def _pay_for(**more):
        opened = buy("btcpay", "pro", **more)
        btcpay.pay(at=clock.now)
        sync.nudge(tollgate, opened.order.id)
        return opened

    return _pay_for


@pytest.fixture
def two_terms(pay_for):
    """A key with two terms, both paid for on the first day."""
    opened = pay_for()
    pay_for(renews=opened.order.entitlement)
    return opened


def test_the_next_term_has_a_quota_of_its_own_and_not_before(clocked, clock, two_terms):
    gate = clocked()
    spend(gate, two_terms, 1, cost=600)
    clock.forward(days=29, hours=23)
    before = left(gate, two_terms)
    clock.forward(hours=1)

    assert (before, left(gate, two_terms)) == (LARGE - 600, LARGE)


def test_a_period_turns_at_its_moment_for_a_gate_that_remembers_the_key(clocked, clock, two_terms):
    gate = clocked()
    clock.forward(days=30, seconds=-1)
    first = ask(gate, two_terms).count.quota
    clock.forward(seconds=1)
    second = ask(gate, two_terms).count.quota

    assert (first.reset, second.reset) == (1, 30 * 86400)


def test_a_renewal_does_not_reset_the_term_that_runs(clocked, clock, pay_for):
    opened, gate = pay_for(), clocked()
    spend(gate, opened, 1, cost=600)
    clock.forward(days=1)
    pay_for(renews=opened.order.entitlement)

    assert left(gate, opened) == LARGE - 600


@contextmanager
def statements(tollgate):
    """What is asked of the database meanwhile."""
    asked = []

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    event.listen(tollgate.db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(tollgate.db.engine, "before_cursor_execute", note)


def test_a_cached_key_with_a_block_asks_no_database(tollgate, clocked):
    key = keys.create(tollgate, KeyOrder("pro"), actor="test")
    gate = clocked()
    ask(gate, key)
    with statements(tollgate) as asked:
        outcomes = spend(gate, key, LARGE // 1000 - 1)

    assert (outcomes, asked) == ([Outcome.ALLOWED] * 4, [])


def test_a_key_that_used_up_its_quota_asks_no_database(tollgate, clocked, small_key):
    gate = clocked()
    spend(gate, small_key, 4)
    with statements(tollgate) as asked:
        outcomes = spend(gate, small_key, 3)

    assert (outcomes, asked) == ([Outcome.QUOTA_EXCEEDED] * 3, [])


def test_a_plan_without_a_quota_reserves_nothing(tollgate, clocked, rows):
    plans = {"pro": replace(tollgate.catalog.plans["pro"], quota=None)}
    free = replace(tollgate, catalog=replace(tollgate.catalog, plans=plans))
    key = keys.create(tollgate, KeyOrder("pro", limits={"quota": 1}), actor="test")

    assert (spend(Gate(free), key, 3), rows(QuotaBlock)) == ([Outcome.ALLOWED] * 3, [])
