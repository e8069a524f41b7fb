"""Finding keys: by their plaintext, and page by page."""

from datetime import timedelta

import pytest
from keystore_samples import NOW, PEPPERS, counted

from keystore import KeyFilter, Keystore, Peppers


def test_another_secret_under_a_known_id_is_nobodys(keys, issued):
    id12 = issued.key_id.removeprefix("key_")
    forged = Keystore(keys._session, peppers=PEPPERS).rebuild(keys.get_key(issued.key_id), seed=b"1" * 32, mode="live")

    assert forged is None
    assert keys.authenticate(f"tg_test_{id12}_" + "0" * 49) is None


def test_a_well_formed_key_that_we_never_issued_is_nobodys(keys):
    stranger = "tg_test_4fJkQw81ZzAa_" + "0" * 43

    assert keys.find_record("key_4fJkQw81ZzAa") is None
    assert keys.authenticate(stranger) is None


def test_a_malformed_key_costs_no_query(keys, database, issued):
    with counted(database) as statements:
        keys.authenticate("tg_test_nonsense")

    assert statements == []


def test_a_look_up_is_one_indexed_select(keys, database, issued):
    with counted(database) as statements:
        keys.authenticate(issued.secret.reveal())

    assert len(statements) == 1


def test_the_same_seed_shows_the_same_key_again(keys, issued):
    again = keys.rebuild(keys.get_key(issued.key_id), seed=b"1" * 32, mode="test")

    assert again == issued.secret


def test_another_seed_shows_nothing(keys, issued):
    assert keys.rebuild(keys.get_key(issued.key_id), seed=b"2" * 32, mode="test") is None


def test_a_key_moves_to_the_newest_pepper(keys, session, issued):
    text = issued.secret.reveal()
    newer = Peppers.parse("v2:a newer pepper of the tests,v1:the first pepper of the tests")
    keys.repepper(issued.key_id, newer.mac(text), label="v2")

    only_new = Peppers.parse("v2:a newer pepper of the tests")
    assert Keystore(session, peppers=only_new).authenticate(text).pepper == "v2"


def test_a_pepper_we_no_longer_have_opens_nothing(session, issued):
    other = Peppers.parse("v2:a newer pepper of the tests")

    assert Keystore(session, peppers=other).authenticate(issued.secret.reveal()) is None


@pytest.fixture
def five(keys):
    """Five keys of five entitlements, a second apart, the last two at the same moment."""
    moments = (0, 1, 2, 3, 3)
    return [
        keys.issue(
            f"ord_{n}", "pro", now=NOW + timedelta(seconds=s), mode="test", seed=bytes([n] * 32), key_id12=f"{n:012}"
        ).key_id
        for n, s in enumerate(moments)
    ]


@pytest.mark.parametrize(
    ("after", "places", "has_more"), [(None, [4, 3], True), (4, [3, 2], True), (3, [2, 1], True), (2, [1, 0], False)]
)
def test_keys_are_listed_newest_first_page_by_page(keys, five, after, places, has_more):
    page = keys.list_keys(limit=2, after=None if after is None else five[after])

    assert [key.id for key in page.keys] == [five[place] for place in places]
    assert page.has_more is has_more


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (KeyFilter(), 2),
        (KeyFilter(owner="cus_1"), 1),
        (KeyFilter(plan="team"), 1),
        (KeyFilter(key_status="active"), 1),
        (KeyFilter(ent_status="pending"), 1),
        (KeyFilter(plan="pro", owner="cus_1"), 0),
        (KeyFilter(entitlement="ent_none"), 0),
    ],
)
def test_lists_can_be_narrowed(keys, active, only, count):
    keys.issue("ord_2", "team", now=NOW, mode="test", seed=b"2" * 32, owner="cus_1")

    assert len(keys.list_keys(limit=9, only=only).keys) == count
