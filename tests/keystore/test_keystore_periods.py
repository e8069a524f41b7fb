"""Which paid period a moment is in, and what its quota looks like to a counter."""

from datetime import timedelta

import pytest
from keystore_samples import NOW

from keystore import KeyRecord, Plan, Quota
from keystore.periods import budget_of, from_json, period_at, to_json
from keystore.verdict import Period

MONTH = timedelta(days=30)
FIRST, SECOND = Period("a", NOW, NOW + MONTH), Period("b", NOW + MONTH, NOW + 2 * MONTH)
FOREVER = Period("gift", NOW, None)
PLAN = Plan("pro", "Pro", quota=Quota(50))
RECORD = KeyRecord(
    key_id="key_1",
    mac=b"",
    pepper="v1",
    key_status="active",
    key_expires_at=None,
    scopes=(),
    entitlement="ent_1",
    owner=None,
    reference="ord_1",
    plan="pro",
    ent_status="active",
    ends_at=NOW + 2 * MONTH,
    grace_ends_at=None,
    limits=None,
    version=1,
    periods=(FIRST, SECOND),
)


@pytest.mark.parametrize(
    ("periods", "days", "name"),
    [
        ((FIRST, SECOND), 0, "a"),
        ((FIRST, SECOND), 29.999, "a"),
        ((FIRST, SECOND), 30, "b"),
        ((FIRST, SECOND), 90, "b"),
        ((FIRST, SECOND), -1, "a"),
        ((FOREVER,), 29, "gift+0"),
        ((FOREVER,), 30, "gift+1"),
        ((FOREVER,), -1, "gift+0"),
    ],
)
def test_the_period_is_the_one_that_began_last(periods, days, name):
    assert period_at(periods, NOW + timedelta(days=days)).name == name


def test_without_any_period_each_thirty_days_are_one():
    periods = {period_at((), NOW + timedelta(days=day)).name for day in range(60)}

    assert len(periods) == 3


def test_a_period_without_an_end_shows_the_end_of_its_lap():
    assert period_at((FOREVER,), NOW + timedelta(days=31)).ends_at == NOW + 2 * MONTH


def test_periods_come_back_as_they_were_stored():
    assert from_json(to_json((FIRST, FOREVER))) == (FIRST, FOREVER)


def test_a_budget_tells_when_its_period_ends_and_how_long_it_is():
    budget = budget_of(PLAN, RECORD, NOW + timedelta(days=29, microseconds=1))

    assert (budget.reset, budget.window) == (86_400, 30 * 86_400)


def test_in_grace_the_last_period_lasts_until_its_end():
    record = RECORD._replace(periods=(FIRST,), grace_ends_at=NOW + MONTH + timedelta(days=3))

    assert budget_of(PLAN, record, NOW + MONTH + timedelta(days=1)).reset == 2 * 86_400


@pytest.mark.parametrize(
    ("plan", "limits", "limit"), [(PLAN, None, 50), (PLAN, {"quota": 100}, 100), (PLAN, {"minute": 9}, 50)]
)
def test_an_entitlement_may_have_an_amount_of_its_own(plan, limits, limit):
    assert budget_of(plan, RECORD._replace(limits=limits), NOW).limit == limit


def test_unlimited_stays_unlimited():
    assert budget_of(Plan("pro", "Pro"), RECORD._replace(limits={"quota": 9}), NOW) is None
