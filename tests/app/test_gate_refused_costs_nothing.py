"""What a key's end or change costs whoever goes on asking with it: nothing, neither of the windows nor of the quota."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from app import keys
from app.decision import Outcome, Toll
from app.gate import Gate
from app.keys import KeyChanges, KeyOrder
from app.operators import entitlements
from keystore.plans import Quota, Rate


@pytest.fixture(params=["memory", "redis"])
def tollgate(request, tollgate):
    """Its plans have one long window, which does not turn while a test runs, one has a quota; counted here or in Redis."""
    team = replace(tollgate.catalog.plans["team"], rates=(Rate("minute", 600, 10_000_000),))
    plans = {"pro": replace(team, slug="pro", quota=Quota(500)), "team": team}
    catalog = replace(tollgate.catalog, plans=plans)
    counter = tollgate.counter if request.param == "memory" else request.getfixturevalue("redis_counter")
    return replace(tollgate, catalog=catalog, counter=counter)


@pytest.fixture
def gate(tollgate):
    return Gate(tollgate, monotonic=lambda: 100.0)


@pytest.fixture
def key(tollgate, gate):
    """One that was just used."""
    key = keys.create(tollgate, KeyOrder("pro", term_days=30), actor="test")
    gate.decide_key(key.api_key.reveal(), Toll())
    return key


@pytest.fixture
def ask(gate):
    return lambda key, **toll: gate.decide_key(key.api_key.reveal(), Toll(**toll))


@pytest.fixture
def entitlement(ask, key):
    return ask(key, peek=True).record.entitlement


def left(decision):
    """Of the window and of the quota."""
    return decision.count.allowances[0].remaining, decision.count.quota.remaining


def test_a_rotated_key_takes_nothing_from_its_successor(tollgate, key, ask):
    fresh = keys.rotate(tollgate, key.key_id, grace_seconds=0, actor="test")
    refused = [ask(key, cost=3).outcome for _ in range(4)]

    assert refused == [Outcome.REVOKED_KEY] * 4
    assert left(ask(fresh)) == (598, 498)


def test_nor_where_there_is_no_quota(tollgate, ask):
    key = keys.create(tollgate, KeyOrder("team"), actor="test")
    ask(key)
    fresh = keys.rotate(tollgate, key.key_id, grace_seconds=0, actor="test")
    refused = [ask(key).outcome for _ in range(4)]

    assert refused == [Outcome.REVOKED_KEY] * 4
    assert ask(fresh).count.allowances[0].remaining == 598


def test_a_suspended_key_is_charged_nothing_until_it_is_restored(tollgate, key, ask, entitlement):
    entitlements.suspend(tollgate, entitlement, reason="test", actor="test")
    refused = [ask(key, cost=3).outcome for _ in range(4)]
    entitlements.restore(tollgate, entitlement, reason="test", actor="test")

    assert refused == [Outcome.SUSPENDED] * 4
    assert left(ask(key)) == (598, 498)


def test_a_request_after_a_change_of_limits_is_charged_once(tollgate, key, ask):
    keys.patch(tollgate, key.key_id, KeyChanges(limits={"minute": 10}), actor="test")

    assert left(ask(key, cost=2)) == (7, 497)


def test_the_last_request_under_a_lowered_limit_passes(tollgate, key, ask):
    keys.patch(tollgate, key.key_id, KeyChanges(limits={"minute": 2}), actor="test")

    assert [ask(key).outcome for _ in range(2)] == [Outcome.ALLOWED, Outcome.RATE_LIMITED]


def test_a_store_that_remembers_a_newer_database_refuses_nobody_and_charges_once(tollgate, key, ask, entitlement):
    tollgate.counter.publish(entitlement, 1_000)

    assert left(ask(key)) == (598, 498)


@pytest.fixture
def said():
    """The statements that any database heard so far."""
    said = []
    note = lambda *seen: said.append(seen[2])  # noqa: E731
    event.listen(Engine, "before_cursor_execute", note)
    yield said
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def unlimited(tollgate, ask):
    """A key without a quota, just used."""
    key = keys.create(tollgate, KeyOrder("team"), actor="test")
    ask(key)
    return key


def test_what_a_key_lacks_is_told_without_the_database_and_does_not_make_it_forgotten(unlimited, ask, said):
    said.clear()
    outcomes = [ask(unlimited, **toll).outcome for _ in range(3) for toll in ({"scope": "admin"}, {"cost": 601}, {})]

    assert outcomes == [Outcome.INSUFFICIENT_SCOPE, Outcome.INSUFFICIENT_SCOPE, Outcome.ALLOWED] * 3
    assert said == []
    assert ask(unlimited).count.allowances[0].remaining == 595


def test_what_a_key_no_longer_lacks_is_known_at_once(tollgate, unlimited, ask):
    before = ask(unlimited, cost=601).outcome
    keys.patch(tollgate, unlimited.key_id, KeyChanges(limits={"minute": 1_000}), actor="test")

    assert [before, ask(unlimited, cost=601).outcome] == [Outcome.INSUFFICIENT_SCOPE, Outcome.ALLOWED]
