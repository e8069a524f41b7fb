"""Blocks out of SQL, spent by a counter: windows and quota together or not at all, and never one too many."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from keystore_samples import NOW, PEPPERS

from keystore import Keystore, MemoryCounter, Rate
from keystore.limits import Block
from keystore.limits.contract import NO_BLOCK
from keystore.limits.memory import KEPT_SECONDS
from keystore.periods import Budget
from keystore.quota import read_reserved, reserve

LONG = 10_000_000  # seconds: does not turn while a test runs
MINUTE = (Rate("minute", 3, LONG),)
FIFTY = Budget("may", 50, 600, 2_592_000)


@pytest.fixture(params=["memory", "redis", "cluster"])
def counter(request):
    return MemoryCounter() if request.param == "memory" else request.getfixturevalue(f"{request.param}_counter")


@pytest.fixture
def entitlement(database):
    with database.write() as session:
        keys = Keystore(session, peppers=PEPPERS)
        return keys.issue("ord_1", "pro", now=NOW, mode="test", seed=b"1" * 32).entitlement_id


@pytest.fixture
def take(database, entitlement):
    """Reserve and commit."""

    def _take(budget=FIFTY, short=1):
        with database.write() as session:
            return reserve(session, entitlement, budget, short=short)

    return _take


def count(counter, *, cost=1, budget=FIFTY, block=NO_BLOCK, rates=MINUTE):
    return counter.count("ent_1", rates, cost=cost, budget=budget, block=block)


def test_a_counter_that_was_granted_nothing_says_how_much_it_lacks(counter):
    answer = count(counter, cost=2)

    assert (answer.admitted, answer.refused, answer.short, answer.quota) == (False, (), 2, None)


def test_a_block_is_put_in_and_spent_in_one_call(counter):
    answer = count(counter, block=Block(5, 20))

    assert (answer.admitted, answer.quota.remaining, answer.quota.limit) == (True, 50 - 20 + 4, 50)


def test_what_is_left_of_a_block_is_spent_by_those_who_follow(counter):
    first = count(counter, block=Block(2, 2))
    admitted = [count(counter).admitted for _ in range(2)]

    assert (first.admitted, admitted) == (True, [True, False])


def test_a_full_window_leaves_the_quota_alone(counter):
    spent = [count(counter, block=Block(1, n)) for n in (1, 2, 3, 4)]

    assert (spent[-1].refused, spent[-1].quota.remaining, spent[-1].short) == (("minute",), 47, 0)


def test_a_quota_without_room_leaves_the_windows_alone(counter):
    refused = count(counter, block=Block(0, 50))

    assert (refused.refused, refused.allowances[0].remaining) == (("quota",), 3)


def test_a_used_up_quota_is_refused_without_asking_again(counter):
    count(counter, block=Block(0, 50))

    assert (count(counter).short, count(counter).refused) == (0, ("quota",))


def test_a_full_window_and_a_used_up_quota_are_both_named(counter):
    for_good = [count(counter, block=Block(1, 48 + n)) for n in (0, 1, 2)]

    assert [answer.refused for answer in (for_good[-1], count(counter))] == [(), ("minute", "quota")]


def test_a_request_may_need_more_than_the_block_that_is_left(counter):
    count(counter, block=Block(3, 10))
    answer = count(counter, cost=3, rates=())

    assert (answer.admitted, answer.short, answer.quota.remaining) == (False, 1, 42)


def test_looking_spends_nothing(counter):
    count(counter, block=Block(3, 3))
    looks = [counter.peek("ent_1", MINUTE, budget=FIFTY) for _ in range(2)]

    assert [look.quota.remaining for look in looks] == [49, 49]


def test_a_new_period_starts_with_nothing(counter):
    count(counter, block=Block(5, 5))

    assert count(counter, budget=Budget("june", 50, 600, 2_592_000)).short == 1


def test_memory_forgets_quotas_whose_period_is_long_over():
    clock = [1000.0]
    counter = MemoryCounter(lambda: clock[0])
    [counter.count(f"ent_{n}", (), budget=Budget("may", 50, 600, 600), block=Block(2, 2)) for n in range(100)]
    clock[0] += 600 + KEPT_SECONDS
    count(counter, rates=(), block=Block(2, 2))

    assert [*counter._held] == ["ent_1"]


def test_memory_keeps_quotas_whose_period_is_not_over():
    clock = [1000.0]
    counter = MemoryCounter(lambda: clock[0])
    count(counter, block=Block(2, 2))
    clock[0] += FIFTY.reset + KEPT_SECONDS - 1
    counter.count("ent_2", (), budget=FIFTY, block=Block(2, 2))

    assert [count(counter).admitted for _ in range(2)] == [True, False]


def test_a_plan_without_rates_may_have_a_quota(counter):
    answers = [count(counter, rates=(), block=block) for block in (Block(1, 1), Block())]

    assert [answer.admitted for answer in answers] == [True, False]


def test_a_lowered_quota_holds_for_what_is_left_of_blocks_too(counter):
    large = Budget("may", 100_000, 600, 2_592_000)
    count(counter, budget=large, block=Block(100, 100))

    assert count(counter, budget=Budget("may", 1, 600, 2_592_000)).refused == ("quota",)


def test_a_block_is_a_thousandth(take):
    assert take(Budget("may", 50_000, 1, 1)) == Block(50, 50)


def test_a_block_is_at_least_what_the_request_needs(take):
    assert take(Budget("may", 50_000, 1, 1), short=70) == Block(70, 70)


def test_the_last_block_is_what_is_left(take):
    take(Budget("may", 2500, 1, 1), short=2499)

    assert take(Budget("may", 2500, 1, 1)) == Block(1, 2500)


def test_more_than_is_left_is_not_reserved(take):
    take(short=48)

    assert (take(short=3), take(short=2)) == (Block(0, 48), Block(2, 50))


def test_more_than_the_quota_is_not_reserved(take):
    assert take(short=51) == Block(0, 0)


def test_each_period_has_its_own(take):
    take(short=50)

    assert take(Budget("june", 50, 1, 1)) == Block(1, 1)


def test_what_is_reserved_can_be_read(take, database, entitlement):
    take(short=7)

    with database.read() as session:
        assert read_reserved(session, entitlement, FIFTY) == Block(0, 7)


def test_eight_threads_reserve_the_quota_and_no_more(take):
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(lambda _: take(), range(80)))

    assert sum(block.granted for block in blocks) == 50
