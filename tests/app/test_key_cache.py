"""What a process remembers of keys: bounded, found by the whole key, gone when told so."""

from types import SimpleNamespace

import pytest

from app.key_cache import FRESH_CONFIRMED, LAST_RESORT, KeyCache
from keystore.verdict import KeyRecord

RECORD = KeyRecord("key_1", b"", "v1", "active", None, (), "ent_1", None, "ord_1", "pro", "active", None, None, None, 1)


@pytest.fixture
def time():
    return SimpleNamespace(now=0.0)


@pytest.fixture
def cache(time):
    return KeyCache(lambda: time.now)


@pytest.fixture
def small(time):
    """Room for twenty keys, three of them at hand."""
    return KeyCache(lambda: time.now, most=20, at_hand=3)


def record(number):
    return RECORD._replace(key_id=f"key_{number}")


def test_a_key_is_found_again(cache):
    cache.put("tg_live_a", RECORD)

    assert [cache.find("tg_live_a").record for _ in range(2)] == [RECORD] * 2
    assert cache.find("tg_live_b") is None


def test_a_copy_is_as_old_as_when_it_was_read_however_often_it_is_found(cache, time):
    cache.put("tg_live_a", RECORD)
    cache.find("tg_live_a")
    time.now = FRESH_CONFIRMED

    assert cache.find("tg_live_a") is None
    assert cache.find("tg_live_a", within=LAST_RESORT).loaded == 0


def test_what_was_read_anew_takes_the_place_of_what_is_at_hand(cache):
    cache.put("tg_live_a", RECORD)
    cache.find("tg_live_a")
    cache.put("tg_live_a", RECORD._replace(version=2))

    assert cache.find("tg_live_a").record.version == 2


def test_what_is_forgotten_is_not_at_hand_either(cache):
    cache.put("tg_live_a", RECORD)
    cache.find("tg_live_a")
    cache.forget("tg_live_a")

    assert cache.find("tg_live_a") is None


def test_keys_beyond_those_at_hand_are_found_as_they_were(small):
    [small.put(f"tg_{n}", record(n)) for n in range(10)]
    found = [small.find(f"tg_{n}").record.key_id for n in (*range(10), *range(10))]

    assert found == [f"key_{n}" for n in (*range(10), *range(10))]


def test_the_oldest_tenth_makes_room(small):
    [small.put(f"tg_{n}", record(n)) for n in range(20)]
    [small.find(f"tg_{n}") for n in range(3)]
    small.put("tg_20", record(20))

    assert [n for n in range(21) if small.find(f"tg_{n}") is None] == [0, 1]


def test_a_key_that_is_read_anew_needs_no_room(small):
    [small.put(f"tg_live_{n}", record(n)) for n in range(20)]
    small.put("tg_live_7", record(7)._replace(version=2))

    assert [small.find(f"tg_live_{n}").record.version for n in range(20)] == [1 + (n == 7) for n in range(20)]
