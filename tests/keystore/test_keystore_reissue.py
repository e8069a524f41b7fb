"""A new key to the account for a lost one, in whatever state the entitlement is."""

from datetime import timedelta

import pytest
from keystore_samples import LATER, NOW, rotate, verdict

from keystore import UnknownEntitlement, Verdict
from keystore.reissue import end_replaced, reissue, replaced_by


@pytest.fixture
def replace(session, keys):
    """Reissue with a grace of a minute."""

    def _replace(entitlement_id, *, grace_seconds=60, now=NOW, seed=b"9" * 32):
        return reissue(session, keys, entitlement_id, grace_seconds=grace_seconds, seed=seed, now=now, mode="test")

    return _replace


def test_the_new_key_works_at_once_and_to_the_account(keys, active, replace):
    done = replace(active.entitlement_id)
    assert verdict(keys, done.issued) is Verdict.VALID
    assert keys.get_key(done.issued.key_id).record.scopes == ("account",)


@pytest.mark.parametrize(("after", "expected"), [(59, Verdict.VALID), (60, Verdict.EXPIRED)])
def test_the_old_key_works_until_its_grace_ends(keys, active, replace, after, expected):
    replace(active.entitlement_id)
    assert verdict(keys, active, NOW + timedelta(seconds=after)) is expected


def test_without_grace_the_old_key_ends_at_once(keys, active, replace):
    replace(active.entitlement_id, grace_seconds=0)
    assert verdict(keys, active) is Verdict.REVOKED


def test_a_pending_key_is_replaced_and_both_wake_with_the_payment(keys, issued, settle, replace):
    done = replace(issued.entitlement_id)
    settle(issued.entitlement_id)
    assert [verdict(keys, issued), verdict(keys, done.issued)] == [Verdict.VALID, Verdict.VALID]


def test_a_key_of_an_entitlement_that_is_over_is_replaced(keys, active, settle, replace):
    settle(active.entitlement_id, "ended")
    assert verdict(keys, replace(active.entitlement_id).issued) is Verdict.ENDED


def test_keys_for_calling_stay_as_they_are(keys, active, replace):
    extra = keys.add_key(active.entitlement_id, now=NOW, mode="test", seed=b"3" * 32)
    replace(active.entitlement_id, grace_seconds=0)
    assert verdict(keys, extra) is Verdict.VALID


def test_a_grace_that_runs_already_is_not_prolonged(keys, active, replace):
    keys.rotate(active.key_id, grace_seconds=10, seed=b"2" * 32, now=NOW, mode="test")
    replace(active.entitlement_id, grace_seconds=3600)
    assert keys.get_key(active.key_id).record.key_expires_at == NOW + timedelta(seconds=10)


def test_gates_hear_of_it_by_a_new_version(keys, active, replace):
    assert replace(active.entitlement_id).issued.version > active.version


def test_it_says_what_was_replaced_and_when_that_ends(session, active, replace):
    done = replace(active.entitlement_id)
    assert done.previous == (active.key_id,)
    assert replaced_by(session, done.issued.key_id) == ((active.key_id, LATER),)


def test_what_was_replaced_can_be_ended_before_its_grace(session, keys, active, replace):
    done = replace(active.entitlement_id)
    assert end_replaced(session, keys, done.issued.key_id, now=NOW) == (active.key_id,)
    assert verdict(keys, active) is Verdict.REVOKED


def test_an_unknown_entitlement_has_no_key_to_replace(replace):
    with pytest.raises(UnknownEntitlement):
        replace("ent_none")


@pytest.fixture
def rotated(keys, active):
    """The key that the active one was rotated to; both work."""
    return rotate(keys, active.key_id, grace_seconds=600).issued


def names(replaced):
    return [name for name, _ in replaced]


def test_a_rotated_key_ends_with_its_successor(session, keys, active, rotated, replace):
    new = replace(active.entitlement_id).issued.key_id
    told = names(replaced_by(session, new))
    ended = end_replaced(session, keys, new, now=NOW)
    assert (set(told), set(ended)) == ({active.key_id, rotated.key_id}, {active.key_id, rotated.key_id})
    assert verdict(keys, active) is Verdict.REVOKED


def test_a_rotated_key_still_names_its_own_successor(keys, active, rotated, replace):
    new = replace(active.entitlement_id).issued.key_id
    assert [keys.get_key(key.key_id).successor_id for key in (active, rotated)] == [rotated.key_id, new]


def test_a_rotated_key_ends_although_its_successor_was_revoked(session, keys, active, rotated, replace):
    keys.revoke(rotated.key_id, now=NOW - timedelta(seconds=1))
    new = replace(active.entitlement_id).issued.key_id
    assert names(replaced_by(session, new)) == [active.key_id]
    assert end_replaced(session, keys, new, now=NOW) == (active.key_id,)


def test_what_a_reissued_key_replaced_stays_so_when_it_is_replaced_itself(session, keys, active, replace):
    first = replace(active.entitlement_id).issued.key_id
    second = replace(active.entitlement_id, seed=b"8" * 32).issued.key_id
    assert names(replaced_by(session, first)) == [active.key_id]
    assert set(names(replaced_by(session, second))) == {active.key_id, first}
    assert end_replaced(session, keys, first, now=NOW) == (active.key_id,)


def test_what_had_ended_before_was_not_replaced(session, keys, active, rotated, replace):
    later = NOW + timedelta(seconds=601)
    new = replace(active.entitlement_id, now=later).issued.key_id
    assert names(replaced_by(session, new)) == [rotated.key_id]
    assert end_replaced(session, keys, new, now=later) == (rotated.key_id,)
