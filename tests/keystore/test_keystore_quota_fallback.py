"""A quota while the counter store is gone: each process spends blocks of its own, and no block twice."""

import pytest

from keystore import CounterStoreDown, FallbackCounter, MemoryCounter
from keystore.limits import Block
from keystore.limits.contract import NO_BLOCK
from keystore.periods import Budget

BUDGET = Budget("may", 5000, 600, 2_592_000)


class Store(MemoryCounter):
    """A shared store that hears every question, and whose answers can get lost."""

    mute = False

    def count(self, *question, **details):
        answer = super().count(*question, **details)
        if self.mute:
            raise CounterStoreDown
        return answer


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def counter(store):
    return FallbackCounter(store, workers_total=2, breaker_seconds=5, clock=lambda: 0.0)


def count(counter, block=NO_BLOCK):
    return counter.count("ent_1", (), budget=BUDGET, block=block)


def test_a_block_whose_arrival_is_unknown_is_not_spent_here_too(store, counter):
    store.mute = True
    answer = count(counter, Block(5, 5))

    assert (answer.admitted, answer.short) == (False, 1)


def test_a_store_that_is_left_alone_does_not_keep_a_block_from_being_spent_here(store, counter):
    store.mute = True
    count(counter)
    answer = count(counter, Block(5, 5))

    assert (answer.admitted, answer.degraded, answer.quota.remaining) == (True, True, 4999)


def test_a_quota_is_not_shared_out_among_the_workers(store, counter):
    store.mute = True
    count(counter)

    assert count(counter, Block(5, 5)).quota.limit == 5000
