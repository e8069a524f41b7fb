"""A key and its successor."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from keystore_samples import LATER, NOW, PEPPERS, rotate, verdict

from keystore import Keystore, NotRotatable, Verdict


@pytest.mark.parametrize(("after", "expected"), [(59, Verdict.VALID), (60, Verdict.EXPIRED)])
def test_a_rotated_key_works_until_its_grace_ends(keys, active, after, expected):
    rotated = rotate(keys, active.key_id)

    assert verdict(keys, active, NOW + timedelta(seconds=after)) is expected
    assert rotated.previous_ends_at == LATER


def test_rotation_without_grace_revokes_at_once(keys, active):
    rotate(keys, active.key_id, grace_seconds=0)

    assert verdict(keys, active) is Verdict.REVOKED


def test_a_successor_inherits_scopes_name_and_entitlement(keys, active):
    keys.update_key(active.key_id, name="mine", scopes=["account", "reports"])
    rotated = rotate(keys, active.key_id)

    key = keys.get_key(rotated.issued.key_id)
    assert (key.name, key.record.scopes, key.record.entitlement) == (
        "mine",
        ("account", "reports"),
        active.entitlement_id,
    )
    assert verdict(keys, rotated.issued) is Verdict.VALID


def test_rotation_leaves_limits_alone(keys, active):
    keys.set_limits(active.entitlement_id, {"minute": 5})
    rotated = rotate(keys, active.key_id)

    assert keys.get_key(rotated.issued.key_id).record.limits == {"minute": 5}


def test_a_pending_key_cannot_be_rotated(keys, issued):
    with pytest.raises(NotRotatable):
        rotate(keys, issued.key_id)


def test_a_revoked_key_cannot_be_rotated(keys, active):
    keys.revoke(active.key_id, now=NOW)

    with pytest.raises(NotRotatable):
        rotate(keys, active.key_id)


def test_a_key_has_one_successor(keys, active):
    rotate(keys, active.key_id)

    with pytest.raises(NotRotatable):
        rotate(keys, active.key_id)


def test_of_rotations_at_once_one_wins(database):
    with database.write() as session:
        keys = Keystore(session, peppers=PEPPERS)
        issued = keys.issue("ord_1", "pro", now=NOW, mode="test", seed=b"1" * 32)
        standing = {"plan": "pro", "starts_at": NOW, "ends_at": None, "grace_ends_at": None}
        keys.settle(issued.entitlement_id, status="active", **standing)
    start, outcomes = Barrier(4), []

    def attempt():
        start.wait()
        try:
            with database.write() as session:
                rotate(Keystore(session, peppers=PEPPERS), issued.key_id)
                outcomes.append("rotated")
        except NotRotatable:
            outcomes.append("refused")

    together(attempt, 4)

    assert sorted(outcomes) == ["refused"] * 3 + ["rotated"]


def together(attempt, times):
    threads = [Thread(target=attempt) for _ in range(times)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
