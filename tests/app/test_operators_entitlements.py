"""More time, a pause, the end: what an operator says about an entitlement."""

from datetime import timedelta

import pytest

from app import keys
from app.keys import KeyOrder
from app.models import Adjustment, AuditEntry
from app.operators import entitlements
from app.operators.situations import NotPossible, NotThere
from app.problems import InvalidInput
from keystore.models import Entitlement

WHY = {"reason": "an outage", "actor": "admin:ada"}


@pytest.fixture
def given(tollgate):
    """The entitlement of a key that was given away for thirty days; its id."""
    key_id = keys.create(tollgate, KeyOrder("pro", term_days=30), actor="test").key_id
    return keys.get(tollgate, key_id).entitlement


@pytest.fixture
def left(tollgate, clock, given):
    """How long it works from now on."""
    return lambda: entitlements.get(tollgate, given).ends_at - clock()


def test_more_time_comes_after_what_is_there(tollgate, given, left):
    entitlements.extend(tollgate, given, seconds=86_400, **WHY)
    assert left() == timedelta(days=31)


def test_more_time_up_to_a_day(tollgate, given, left, clock):
    entitlements.extend(tollgate, given, until=clock() + timedelta(days=40), **WHY)
    assert left() == timedelta(days=40)


def test_what_has_ended_is_extended_from_now_on(tollgate, given, left, clock):
    clock.forward(days=50)
    entitlements.extend(tollgate, given, seconds=3600, **WHY)
    assert left() == timedelta(hours=1)


@pytest.mark.parametrize("more", [{"seconds": 0}, {"seconds": -1}, {"seconds": 10**12}, {}])
def test_absurd_extensions_are_refused(tollgate, given, rows, more):
    with pytest.raises(InvalidInput):
        entitlements.extend(tollgate, given, **more, **WHY)
    assert [row.kind for row in rows(Adjustment)] == ["grant"]


def test_how_long_and_until_when_are_not_said_together(tollgate, given, clock):
    with pytest.raises(InvalidInput):
        entitlements.extend(tollgate, given, seconds=60, until=clock() + timedelta(days=90), **WHY)


@pytest.mark.parametrize("days", [-1, 0, 10, 29, 60_000])
def test_to_the_past_or_to_less_than_there_is_is_no_extension(tollgate, given, clock, left, days):
    with pytest.raises(InvalidInput):
        entitlements.extend(tollgate, given, until=clock() + timedelta(days=days), **WHY)
    assert left() == timedelta(days=30)


def test_what_works_for_ever_cannot_work_longer(tollgate):
    key_id = keys.create(tollgate, KeyOrder("pro"), actor="test").key_id
    with pytest.raises(NotPossible):
        entitlements.extend(tollgate, keys.get(tollgate, key_id).entitlement, seconds=60, **WHY)


def test_what_nobody_paid_cannot_be_extended(tollgate, buy, rows):
    buy()
    with pytest.raises(NotPossible):
        entitlements.extend(tollgate, rows(Entitlement)[0].id, seconds=60, **WHY)


def test_a_pause_ends_with_a_restore(tollgate, given):
    assert entitlements.suspend(tollgate, given, **WHY).status == "suspended"
    assert entitlements.restore(tollgate, given, **WHY).status == "active"


def test_a_revoked_one_works_again_only_by_an_operator(tollgate, given):
    assert entitlements.revoke(tollgate, given, **WHY).status == "revoked"
    assert entitlements.restore(tollgate, given, **WHY).status == "active"


@pytest.mark.parametrize(
    "acts",
    [
        (entitlements.restore,),
        (entitlements.suspend, entitlements.suspend),
        (entitlements.revoke, entitlements.revoke),
        (entitlements.revoke, entitlements.suspend),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_no_trace(tollgate, given, rows, acts):
    *before, last = acts
    [act(tollgate, given, **WHY) for act in before]
    with pytest.raises(NotPossible):
        last(tollgate, given, **WHY)
    assert len(rows(Adjustment)) == 1 + len(before)


@pytest.mark.parametrize("act", [entitlements.suspend, entitlements.restore, entitlements.revoke])
def test_an_unknown_entitlement_is_not_there(tollgate, act):
    with pytest.raises(NotThere):
        act(tollgate, "ent_x", **WHY)


def test_the_reason_is_in_the_ledger_and_in_the_audit_log(tollgate, given, rows):
    entitlements.suspend(tollgate, given, **WHY)
    entry = next(row for row in rows(AuditEntry) if row.action == "entitlement.suspended")
    assert (entry.before["status"], entry.after["status"], entry.after["reason"]) == (
        "active",
        "suspended",
        "an outage",
    )
    assert "an outage" in {decided.reason for decided in entitlements.get(tollgate, given).decisions}


def test_every_gate_hears_of_it_at_once(tollgate, given, rows):
    before = rows(Entitlement)[0].version
    entitlements.suspend(tollgate, given, **WHY)
    assert rows(Entitlement)[0].version == before + 1


def test_a_list_can_be_narrowed(tollgate, given):
    entitlements.suspend(tollgate, given, **WHY)
    assert [view.id for view in entitlements.list_page(tollgate, status="suspended").data] == [given]
    assert entitlements.list_page(tollgate, plan="team").data == ()
