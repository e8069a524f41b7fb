"""One verdict for every state of a key."""

from datetime import UTC, datetime, timedelta

import pytest

from keystore import KeyRecord, Plan, Quota, Rate, Verdict, judge, limit_names, rates_of
from keystore.verdict import works_until

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEFORE, AFTER, LATER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1), NOW + timedelta(days=3)
WORKING = KeyRecord(
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
    ends_at=LATER,
    grace_ends_at=None,
    limits=None,
    version=1,
)
PLAN = Plan("pro", "Pro", rates=(Rate("burst", 10, 1), Rate("minute", 600, 60)))


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ({}, Verdict.VALID),
        ({"ends_at": None}, Verdict.VALID),
        ({"ends_at": AFTER}, Verdict.VALID),
        ({"ends_at": NOW}, Verdict.ENDED),
        ({"ends_at": BEFORE}, Verdict.ENDED),
        ({"ends_at": BEFORE, "grace_ends_at": AFTER}, Verdict.VALID),
        ({"ends_at": BEFORE, "grace_ends_at": NOW}, Verdict.ENDED),
        ({"ends_at": AFTER, "grace_ends_at": BEFORE}, Verdict.VALID),
        ({"ent_status": "ended"}, Verdict.ENDED),
        ({"ent_status": "suspended"}, Verdict.SUSPENDED),
        ({"ent_status": "suspended", "ends_at": BEFORE}, Verdict.SUSPENDED),
        ({"ent_status": "revoked"}, Verdict.REVOKED),
        ({"ent_status": "pending", "key_status": "pending", "ends_at": None}, Verdict.PENDING),
        ({"ent_status": "pending", "ends_at": None}, Verdict.PENDING),
        ({"key_status": "pending"}, Verdict.PENDING),
        ({"key_status": "pending", "ent_status": "suspended"}, Verdict.SUSPENDED),
        ({"key_status": "pending", "ent_status": "ended"}, Verdict.ENDED),
        ({"key_status": "revoked"}, Verdict.REVOKED),
        ({"key_status": "revoked", "ent_status": "pending"}, Verdict.REVOKED),
        ({"key_expires_at": AFTER}, Verdict.VALID),
        ({"key_expires_at": NOW}, Verdict.EXPIRED),
        ({"key_expires_at": BEFORE, "ent_status": "ended"}, Verdict.EXPIRED),
        ({"key_expires_at": BEFORE, "key_status": "revoked"}, Verdict.REVOKED),
        ({"key_expires_at": BEFORE, "ent_status": "revoked"}, Verdict.EXPIRED),
        ({"key_expires_at": AFTER, "ent_status": "revoked"}, Verdict.REVOKED),
    ],
)
def test_each_state_has_one_verdict(state, verdict):
    assert judge(WORKING._replace(**state), NOW) is verdict


@pytest.mark.parametrize(
    ("state", "until"),
    [
        ({"ends_at": None}, None),
        ({"ends_at": AFTER}, AFTER),
        ({"ends_at": BEFORE, "grace_ends_at": AFTER}, AFTER),
        ({"ends_at": LATER, "grace_ends_at": AFTER}, LATER),
        ({"ends_at": LATER, "key_expires_at": AFTER}, AFTER),
        ({"ends_at": None, "key_expires_at": LATER}, LATER),
    ],
)
def test_what_is_valid_is_so_until_a_moment_known_before(state, until):
    record, after = WORKING._replace(**state), until or LATER
    shortly = timedelta(microseconds=1)

    assert works_until(record) == until
    assert judge(record, after - shortly) is Verdict.VALID
    assert (judge(record, after) is Verdict.VALID) == (until is None)


def test_a_record_does_not_show_its_mac():
    assert "mac" not in repr(WORKING)


@pytest.mark.parametrize(
    ("overrides", "limits"),
    [(None, (10, 600)), ({}, (10, 600)), ({"minute": 1200}, (10, 1200)), ({"gone": 5, "burst": 20}, (20, 600))],
)
def test_overrides_replace_amounts_by_name(overrides, limits):
    assert tuple(rate.limit for rate in rates_of(PLAN, overrides)) == limits


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        (PLAN, ("burst", "minute")),
        (Plan("pro", "Pro", PLAN.rates, Quota(5)), ("burst", "minute", "quota")),
        (Plan("pro", "Pro", (), Quota(5)), ("quota",)),
        (Plan("pro", "Pro"), ()),
    ],
)
def test_overrides_are_called_as_the_limits_that_the_plan_has(plan, names):
    assert limit_names(plan) == names
