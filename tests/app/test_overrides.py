"""Amounts of its own that an entitlement has, when the catalogue changes under them."""

from dataclasses import replace

import pytest

from app import keys
from app.decision import Outcome
from app.gate import Gate
from app.keys import KeyChanges, KeyOrder
from app.problems import InvalidInput
from keystore.plans import Plan, Quota, Rate


@pytest.fixture
def key(tollgate):
    """A key of the plan `pro` with one request a minute."""
    return keys.create(tollgate, KeyOrder("pro", limits={"minute": 1}), actor="test")


@pytest.fixture
def sold(tollgate):
    """The same Tollgate with other plans."""
    return lambda *plans: replace(
        tollgate, catalog=replace(tollgate.catalog, plans={plan.slug: plan for plan in plans})
    )


BY_HOUR = Plan("pro", "Pro", (Rate("hour", 9, 3600),))
TEAM = Plan("team", "Team", (Rate("hour", 9, 3600),), Quota(50))


def test_what_the_plan_no_longer_has_is_ignored(sold, key):
    gate = Gate(sold(BY_HOUR))
    outcomes = [gate.decide({"X-API-Key": key.api_key.reveal()}).outcome for _ in range(3)]
    assert outcomes == [Outcome.ALLOWED] * 3


@pytest.mark.parametrize(
    "changes", [KeyChanges(name="x"), KeyChanges(plan="pro"), KeyChanges(limits=None), KeyChanges(limits={"hour": 2})]
)
def test_it_is_in_nobodys_way(sold, key, changes):
    assert keys.patch(sold(BY_HOUR), key.key_id, changes, actor="test").plan == "pro"


@pytest.mark.parametrize(
    ("plans", "changes", "said"),
    [
        ((BY_HOUR,), {"limits": {"minute": 2}}, "the plan pro has only these limits: hour"),
        ((TEAM,), {"limits": {"minute": 2}}, "the plan pro has no limits, or is not in the catalogue"),
        ((TEAM,), {"plan": "team", "limits": {"minute": 2}}, "the plan team has only these limits: hour, quota"),
        ((Plan("pro", "Pro"),), {"limits": {"minute": 2}}, "the plan pro has no limits, or is not in the catalogue"),
    ],
)
def test_what_would_do_nothing_is_refused(sold, key, plans, changes, said):
    with pytest.raises(InvalidInput, match=f"^{said}$"):
        keys.patch(sold(*plans), key.key_id, KeyChanges(**changes), actor="test")


def test_a_quota_of_its_own_is_for_a_plan_with_a_quota(sold, key):
    changes = KeyChanges(plan="team", limits={"quota": 5})
    assert keys.patch(sold(TEAM), key.key_id, changes, actor="test").limits == {"quota": 5}
