"""What a gate keeps beside a key in use holds no longer than the key itself."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app import keys
from app.decision import Decision, Outcome, Toll
from app.doors.answers import identity_of, written
from app.gate import Gate
from app.keys import KeyChanges, KeyOrder
from app.standing import stand
from keystore.limits import MemoryCounter
from keystore.plans import Quota
from keystore.verdict import KeyRecord

DAY = datetime(2026, 11, 21, tzinfo=UTC)
RECORD = KeyRecord("key_1", b"", "v1", "active", None, (), "ent_1", None, "ord_1", "pro", "active", None, None, None, 1)


@pytest.fixture
def gate(tollgate):
    """Its copies never grow old by themselves."""
    return Gate(tollgate, monotonic=lambda: 0.0)


@pytest.fixture
def ask(gate, hot):
    return lambda **toll: gate.decide_key(hot.api_key.reveal(), Toll(**toll))


@pytest.fixture
def hot(tollgate, gate):
    """A key for a day, asked for often."""
    key = keys.create(tollgate, KeyOrder("pro", term_days=1), actor="test")
    [gate.decide_key(key.api_key.reveal(), Toll()) for _ in range(3)]
    return key


class Noting(MemoryCounter):
    """Notes for which limits a question was prepared."""

    def __init__(self):
        super().__init__()
        self.prepared = []

    def prepare(self, entitlement, rates, *, known=0):
        self.prepared.append(rates[0].limit)
        return super().prepare(entitlement, rates, known=known)


@pytest.fixture
def tollgate(tollgate):
    return replace(tollgate, counter=Noting())


def test_a_key_in_use_is_judged_again_only_when_it_changed(tollgate, ask, hot):
    before = list(tollgate.counter.prepared)
    [ask() for _ in range(5)]
    same = list(tollgate.counter.prepared)
    keys.patch(tollgate, hot.key_id, KeyChanges(limits={"minute": 500}), actor="test")
    [ask() for _ in range(5)]

    assert same == before
    assert set(tollgate.counter.prepared[len(same) :]) == {500}
    assert len(tollgate.counter.prepared) - len(same) <= 2  # when it is read anew, and when its copy is first used


def told(decision):
    """The plan that doors say."""
    answer = json.loads(written(decision, base=None, request_id="req_1"))
    return answer["plan"], identity_of(decision.record, decision.plan, decision.words)["X-Tollgate-Plan"]


def test_a_key_in_use_that_changed_is_told_as_it_is_now(tollgate, ask, hot):
    before = [told(ask()) for _ in range(2)]
    keys.patch(tollgate, hot.key_id, KeyChanges(plan="team"), actor="test")  # its limits are the same

    assert (before, [told(ask()) for _ in range(2)]) == ([("pro", "pro")] * 2, [("team", "team")] * 2)


def test_a_key_in_use_ends_on_time(ask, clock):
    clock.forward(hours=23, minutes=59)
    before = ask().outcome
    clock.forward(days=3)

    assert (before, ask().outcome) == (Outcome.ALLOWED, Outcome.ENDED)


def test_a_key_in_use_ends_for_dear_requests_too(ask, clock):
    clock.forward(days=3)

    assert ask(cost=5).outcome is Outcome.ENDED


def test_what_was_kept_for_a_plain_request_lets_no_other_pass(ask):
    assert ask(feature="forecasts").outcome is Outcome.INSUFFICIENT_SCOPE
    assert ask(scope="reports:read").outcome is Outcome.INSUFFICIENT_SCOPE
    assert ask().outcome is Outcome.ALLOWED


def test_a_lowered_limit_holds_at_the_next_request(tollgate, ask, hot):
    keys.patch(tollgate, hot.key_id, KeyChanges(limits={"minute": 3}), actor="test")

    assert ask().outcome is Outcome.RATE_LIMITED


def test_a_revoked_key_is_refused_at_the_next_request(tollgate, ask, hot):
    keys.revoke(tollgate, hot.key_id, actor="test")

    assert ask().outcome is Outcome.REVOKED_KEY


@pytest.mark.parametrize(("changes", "until"), [({}, None), ({"ends_at": DAY}, DAY), ({"key_expires_at": DAY}, DAY)])
def test_a_standing_ends_with_the_key(tollgate, clock, changes, until):
    standing = stand(tollgate, RECORD._replace(**changes), clock())

    assert standing.until == (until or datetime.max.replace(tzinfo=UTC))


def test_a_quota_is_worked_out_at_each_request(tollgate, clock):
    plans = {"pro": replace(tollgate.catalog.plans["pro"], quota=Quota(9))}
    standing = stand(replace(tollgate, catalog=replace(tollgate.catalog, plans=plans)), RECORD, clock())

    assert (standing.until < DAY - timedelta(days=36_500), standing.plainest) == (True, None)


def test_a_plan_that_is_gone_lets_nobody_pass(tollgate, clock):
    refused = stand(tollgate, RECORD._replace(plan="gone"), clock())

    assert isinstance(refused, Decision)
    assert refused.outcome is Outcome.SUSPENDED
