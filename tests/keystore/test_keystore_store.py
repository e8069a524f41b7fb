"""The life of entitlements and keys, on real databases."""

from datetime import timedelta

import pytest
from keystore_samples import LATER, NOW, PEPPERS, rotate, verdict
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from keystore import (
    BadLimits,
    Keystore,
    UnknownEntitlement,
    UnknownKey,
    Verdict,
    judge,
)
from keystore.models import ApiKey, Entitlement


def test_an_issued_key_waits_for_the_money(keys, issued):
    assert verdict(keys, issued) is Verdict.PENDING


def test_an_issued_key_keeps_what_it_was_born_with(keys):
    issued = keys.issue(
        "ord_1", "pro", now=NOW, mode="live", seed=b"1" * 32, owner="cus_1", name="mine", key_id12="0" * 12
    )

    key = keys.get_key("key_000000000000")
    assert (key.name, key.record.owner, key.record.scopes, key.record.plan) == ("mine", "cus_1", ("account",), "pro")
    assert issued.secret.reveal().startswith("tg_live_000000000000_")


def test_one_reference_has_one_entitlement(keys, issued):
    with pytest.raises(IntegrityError), keys._session.begin_nested():
        keys.issue("ord_1", "pro", now=NOW, mode="test", seed=b"3" * 32)


def test_the_plaintext_is_nowhere_in_the_database(keys, issued, session):
    rows = session.execute(select(ApiKey.__table__)).all()

    assert issued.secret.reveal()[-49:] not in repr(rows)


def test_the_keystore_never_commits(database):
    with database.read() as session:
        Keystore(session, peppers=PEPPERS).issue("ord_1", "pro", now=NOW, mode="test", seed=b"1" * 32)

    with database.read() as session:
        assert session.scalar(select(Entitlement.id)) is None


def test_an_active_entitlement_wakes_its_key(keys, active):
    assert verdict(keys, active) is Verdict.VALID


def test_settling_twice_changes_nothing(keys, active, settle):
    assert settle(active.entitlement_id) is None
    assert keys.get_key(active.key_id).record.version == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "suspended"},
        {"plan": "team"},
        {"ends_at": NOW + timedelta(days=60)},
        {"ends_at": None},
        {"grace_ends_at": NOW + timedelta(days=33)},
        {"starts_at": LATER},
    ],
)
def test_each_new_verdict_of_the_ledger_is_a_new_version(active, settle, changes):
    assert settle(active.entitlement_id, **changes).version == 3


def test_settling_knows_its_statuses(issued, settle):
    with pytest.raises(ValueError):
        settle(issued.entitlement_id, "paid")


def test_a_restored_entitlement_works_again(keys, active, settle):
    settle(active.entitlement_id, "suspended")
    settle(active.entitlement_id)

    assert verdict(keys, active) is Verdict.VALID


def test_an_extra_key_of_an_active_entitlement_works_at_once_without_account_scope(keys, active):
    extra = keys.add_key(active.entitlement_id, now=NOW, mode="test", seed=b"2" * 32, name="ci")

    record = keys.authenticate(extra.secret.reveal())
    assert (judge(record, NOW), record.scopes, record.version) == (Verdict.VALID, (), extra.version)


def test_an_extra_key_of_a_pending_entitlement_waits_too(keys, issued, settle):
    extra = keys.add_key(issued.entitlement_id, now=NOW, mode="test", seed=b"2" * 32)
    settle(issued.entitlement_id)

    assert verdict(keys, extra) is Verdict.VALID


def test_a_key_made_while_suspended_wakes_with_the_entitlement(keys, active, settle):
    settle(active.entitlement_id, "suspended")
    extra = keys.add_key(active.entitlement_id, now=NOW, mode="test", seed=b"2" * 32)
    settle(active.entitlement_id)

    assert verdict(keys, extra) is Verdict.VALID


def test_a_revoked_key_is_refused_at_once(keys, active):
    keys.revoke(active.key_id, now=NOW)

    assert verdict(keys, active) is Verdict.REVOKED


def test_revoking_twice_changes_nothing(keys, active):
    assert keys.revoke(active.key_id, now=NOW) == keys.revoke(active.key_id, now=LATER)
    assert keys.get_key(active.key_id).revoked_at == NOW


def test_revoking_one_key_spares_its_siblings(keys, active):
    extra = keys.add_key(active.entitlement_id, now=NOW, mode="test", seed=b"2" * 32)
    keys.revoke(active.key_id, now=NOW)

    assert verdict(keys, extra) is Verdict.VALID


def test_what_is_left_out_of_an_update_stays(keys, active):
    keys.update_key(active.key_id, name="mine")

    key = keys.get_key(active.key_id)
    assert (key.name, key.record.scopes) == ("mine", ("account",))


@pytest.mark.parametrize("limit", [0, -1, 10**9 + 1, True, 1.5, "600", None])
def test_absurd_limits_are_refused(keys, active, limit):
    with pytest.raises(BadLimits):
        keys.set_limits(active.entitlement_id, {"minute": limit})


def test_limits_can_go_back_to_the_plans(keys, active):
    keys.set_limits(active.entitlement_id, {"minute": 5})
    keys.set_limits(active.entitlement_id, None)

    assert keys.get_key(active.key_id).record.limits is None


@pytest.mark.parametrize(
    "change",
    [
        lambda keys, key: keys.revoke(key.key_id, now=NOW).version,
        lambda keys, key: keys.update_key(key.key_id, name="x").version,
        lambda keys, key: keys.set_limits(key.entitlement_id, {"minute": 5}).version,
        lambda keys, key: rotate(keys, key.key_id).issued.version,
        lambda keys, key: keys.add_key(key.entitlement_id, now=NOW, mode="test", seed=b"9" * 32).version,
    ],
)
def test_every_change_raises_the_version_and_says_so(keys, active, change):
    version = change(keys, active)

    assert version == keys.get_key(active.key_id).record.version == 3


@pytest.mark.parametrize(
    "ask",
    [
        lambda keys: keys.get_key("key_none"),
        lambda keys: keys.revoke("key_none", now=NOW),
        lambda keys: rotate(keys, "key_none"),
        lambda keys: keys.list_keys(limit=1, after="key_none"),
    ],
)
def test_an_unknown_key_is_said_to_be_unknown(keys, ask):
    with pytest.raises(UnknownKey):
        ask(keys)


def test_an_unknown_entitlement_is_said_to_be_unknown(keys):
    with pytest.raises(UnknownEntitlement):
        keys.lock("ent_none")


def test_an_entitlement_goes_by_another_reference_from_now_on(keys, issued):
    changed = keys.refer(issued.entitlement_id, "ord_2")
    assert (keys.get_key(issued.key_id).record.reference, changed.version) == ("ord_2", 2)


def test_use_is_noted_without_a_new_version(keys, issued):
    keys.touch([issued.key_id], now=LATER)

    key = keys.get_key(issued.key_id)
    assert (key.last_used_at, key.record.version) == (LATER, 1)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_noting_use_passes_over_rows_that_somebody_holds(database):
    with database.write() as session:
        issued = Keystore(session, peppers=PEPPERS).issue("ord_1", "pro", now=NOW, mode="test", seed=b"1" * 32)

    with database.write() as holder, database.write() as other:
        holder.get(ApiKey, issued.key_id, with_for_update=True)
        Keystore(other, peppers=PEPPERS).touch([issued.key_id], now=LATER)
        assert Keystore(other, peppers=PEPPERS).get_key(issued.key_id).last_used_at is None
