"""Usage per key and day: gathered in memory, written in batches, late but not lost."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from app import keys, usage
from app.decision import Toll
from app.gate import Gate
from app.keys import KeyOrder
from app.usage import Clerk, UsageBatch
from keystore.models import ApiKey, Usage
from keystore.models import Base as KeystoreBase

TODAY = date(2026, 11, 1)


@pytest.fixture
def gate(tollgate, clock):
    return Gate(tollgate, monotonic=lambda: clock().timestamp())


@pytest.fixture
def key(tollgate):
    return keys.create(tollgate, KeyOrder("pro", limits={"minute": 3}), actor="test")


@pytest.fixture
def days(rows):
    """What is written, by key and day."""
    return lambda: {(row.key_id, row.day): (row.requests, row.refused) for row in rows(Usage)}


def ask(gate, key, **toll):
    return gate.decide_key(key.api_key.reveal(), Toll(**toll))


def test_requests_that_passed_and_that_were_refused_are_added_up(gate, key, days):
    answers = [ask(gate, key) for _ in range(5)]
    gate.usage.flush()

    assert (len(answers), days()) == (5, {(key.key_id, TODAY): (3, 2)})


def test_the_next_batch_is_added_to_what_is_there(gate, key, days):
    ask(gate, key)
    gate.usage.flush()
    ask(gate, key)
    gate.usage.flush()

    assert days() == {(key.key_id, TODAY): (2, 0)}


def test_a_dear_request_counts_as_often_as_it_costs(gate, key, days):
    ask(gate, key, cost=2)
    gate.usage.flush()

    assert days() == {(key.key_id, TODAY): (2, 0)}


def test_looking_is_no_use(gate, key, days):
    ask(gate, key, peek=True)
    gate.usage.flush()

    assert days() == {}


def test_each_day_is_told_apart_whenever_it_is_written(gate, key, days, clock):
    [ask(gate, key) for _ in range(2)]
    clock.forward(days=1)
    ask(gate, key)
    gate.usage.flush()

    assert days() == {(key.key_id, TODAY): (2, 0), (key.key_id, TODAY + timedelta(days=1)): (1, 0)}


def test_two_processes_add_up(tollgate, gate, key, days):
    other = Gate(tollgate)
    answers = [ask(one, key) for one in (gate, other)]
    other.usage.flush()
    gate.usage.flush()

    assert (len(answers), days()) == (2, {(key.key_id, TODAY): (2, 0)})


def test_a_database_that_is_away_keeps_nothing_from_being_counted(tollgate, gate, key, days):
    ask(gate, key)
    KeystoreBase.metadata.tables["usage"].drop(tollgate.db.engine)
    gate.usage.flush()
    ask(gate, key)
    KeystoreBase.metadata.create_all(tollgate.db.engine)
    gate.usage.flush()

    assert days() == {(key.key_id, TODAY): (2, 0)}


@pytest.mark.parametrize("gone", [("key_0",), ("key_zz",), ("key_0", "key_1", "key_zz")])
def test_keys_that_the_database_does_not_have_take_no_other_with_them(gate, key, days, clock, gone):
    [gate.usage.note(name, clock.now, cost=1, passed=True) for name in gone]
    ask(gate, key)
    gate.usage.flush()
    ask(gate, key)
    gate.usage.flush()

    assert days() == {(key.key_id, TODAY): (2, 0)}


def test_what_was_written_before_the_database_went_away_is_not_written_twice(tollgate, gate, days):
    many = sorted(keys.create(tollgate, KeyOrder("pro"), actor="test").key_id for _ in range(3))
    told = [tollgate.clock()] * 3
    batch = UsageBatch(replace(tollgate, clock=told.pop))
    [batch.note(name, tollgate.clock(), cost=1, passed=True) for name in (*many, "key_zz")]
    with pytest.raises(IndexError):
        batch.flush()
    told += [tollgate.clock()] * 3
    batch.flush()

    assert days() == {(name, TODAY): (1, 0) for name in many}


def test_what_was_not_written_waits_whatever_happened(tollgate, key, days, clock):
    told = []
    batch = UsageBatch(replace(tollgate, clock=told.pop))
    batch.note(key.key_id, clock.now, cost=1, passed=True)
    with pytest.raises(IndexError):
        batch.flush()
    told.append(clock.now)
    batch.flush()

    assert days() == {(key.key_id, TODAY): (1, 0)}


def test_the_first_use_is_noted_at_once(gate, key, rows, clock):
    ask(gate, key)

    assert rows(ApiKey)[0].last_used_at == clock.now


def test_later_uses_are_noted_with_the_batch(gate, key, rows, clock):
    ask(gate, key)
    clock.forward(seconds=61)
    ask(gate, key)
    before = rows(ApiKey)[0].last_used_at
    gate.usage.flush()

    assert (before, rows(ApiKey)[0].last_used_at) == (clock.now - timedelta(seconds=61), clock.now)


def test_a_clerk_writes_what_is_left_when_it_stops(gate, key, days):
    clerk = Clerk(gate.usage)
    clerk.start()
    ask(gate, key)
    clerk.stop()

    assert days() == {(key.key_id, TODAY): (1, 0)}


def test_a_clerk_is_woken_when_much_waits(gate, key, clock, days, eventually):
    clerk = Clerk(gate.usage)
    clerk.start()
    gate.usage.note(key.key_id, clock.now, cost=1, passed=True)
    gate.usage.waiting.set()
    written = eventually(lambda: days() != {}, seconds=3)
    clerk.stop()

    assert written


@pytest.fixture
def batch(tollgate, monkeypatch):
    """One that adds up what it noted from the tenth request on."""
    monkeypatch.setattr(usage, "MOST_NOTED", 10)
    return UsageBatch(tollgate)


def test_many_requests_are_added_up_and_none_is_lost(batch, key, days, clock):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: batch.note(key.key_id, clock.now, cost=1 + n % 2, passed=n % 3 > 0), range(600)))
    batch.flush()

    passed = [1 + n % 2 for n in range(600) if n % 3 > 0]
    refused = [1 + n % 2 for n in range(600) if n % 3 == 0]
    assert days() == {(key.key_id, TODAY): (sum(passed), sum(refused))}


def test_what_is_noted_while_others_write_is_not_lost(batch, key, days, clock):
    with ThreadPoolExecutor(8) as threads:
        noting = [threads.submit(batch.note, key.key_id, clock.now, cost=1, passed=True) for _ in range(500)]
        flushes = [threads.submit(batch.flush) for _ in range(20)]
    batch.flush()

    assert [one.exception() for one in (*noting, *flushes)] == [None] * 520
    assert days() == {(key.key_id, TODAY): (500, 0)}
