"""What every counter promises: in memory on a clock we set, in Redis and in a Redis Cluster on theirs."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from keystore import MemoryCounter, Rate
from keystore.limits import Block
from keystore.periods import Budget

LONG = 10_000_000  # seconds: does not turn while a test runs
BURST, MINUTE = Rate("burst", 2, LONG), Rate("minute", 5, LONG)
BOTH = (BURST, MINUTE)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "redis", "cluster"])
def counter(request):
    shared = request.param != "memory"
    return request.getfixturevalue(f"{request.param}_counter") if shared else MemoryCounter(Clock())


def remaining(count):
    return tuple(allowance.remaining for allowance in count.allowances)


def spend(counter, rates, times, *, cost=1):
    return [counter.count("ent_1", rates, cost=cost) for _ in range(times)][-1]


def test_a_request_is_charged_to_every_window(counter):
    count = counter.count("ent_1", BOTH)

    assert (count.admitted, remaining(count), count.refused) == (True, (1, 4), ())


def test_a_prepared_question_counts_like_any_other(counter):
    plainest = counter.prepare("ent_1", BOTH)
    prepared, asked = [plainest.ask() for _ in range(4)], [counter.count("ent_2", BOTH) for _ in range(4)]

    assert [(one.admitted, remaining(one), one.refused) for one in prepared] == [
        (one.admitted, remaining(one), one.refused) for one in asked
    ]
    assert remaining(counter.peek("ent_1", BOTH)) == (0, 3)


def test_a_prepared_question_tells_of_a_newer_version(counter):
    plainest = counter.prepare("ent_1", BOTH)
    counter.publish("ent_1", 9)

    count = plainest.ask()
    assert 9 in {count.version, count.heard}


def test_a_full_window_refuses_by_name(counter):
    count = spend(counter, BOTH, 3)

    assert (count.admitted, count.refused) == (False, ("burst",))


def test_a_refused_request_is_charged_to_no_window(counter):
    assert remaining(spend(counter, BOTH, 9)) == (0, 3)


def test_every_full_window_is_named(counter):
    assert spend(counter, (BURST, Rate("minute", 2, LONG)), 3).refused == ("burst", "minute")


def test_looking_costs_nothing(counter):
    counter.peek("ent_1", BOTH)
    count = counter.peek("ent_1", BOTH)

    assert (count.admitted, remaining(count)) == (True, (2, 5))


def test_looking_tells_that_the_next_request_would_be_refused(counter):
    spend(counter, BOTH, 2)
    count = counter.peek("ent_1", BOTH)

    assert (count.admitted, count.refused) == (False, ("burst",))


def test_a_request_may_cost_more_than_one(counter):
    assert remaining(counter.count("ent_1", (MINUTE,), cost=4)) == (1,)


def test_what_costs_too_much_is_refused_whole(counter):
    count = spend(counter, (MINUTE,), 2, cost=3)

    assert (count.admitted, remaining(count)) == (False, (2,))


@pytest.mark.parametrize("cost", [0, -1])
def test_nothing_is_given_away_or_back(counter, cost):
    with pytest.raises(ValueError):
        counter.count("ent_1", BOTH, cost=cost)


def test_entitlements_do_not_share(counter):
    spend(counter, (BURST,), 2)

    assert counter.count("ent_2", (BURST,)).admitted


def test_a_raised_limit_opens_no_fresh_window(counter):
    spend(counter, (BURST,), 2)

    assert remaining(counter.count("ent_1", (Rate("burst", 10, LONG),))) == (7,)


def test_a_limit_lowered_below_what_is_used_leaves_nothing(counter):
    spend(counter, (MINUTE,), 4)
    count = counter.count("ent_1", (Rate("minute", 1, LONG),))

    assert (count.admitted, remaining(count)) == (False, (0,))


def test_another_name_for_a_window_opens_no_fresh_one(counter):
    spend(counter, (Rate("minute", 5, LONG),), 3)

    assert remaining(counter.count("ent_1", (Rate("per-minute", 5, LONG),))) == (1,)


def test_two_windows_of_one_length_are_charged_once(counter):
    assert remaining(counter.count("ent_1", (Rate("reads", 5, LONG), Rate("writes", 3, LONG)))) == (4, 2)


def test_windows_of_one_name_and_two_lengths_count_apart(counter):
    spend(counter, (Rate("calls", 5, LONG),), 3)

    assert remaining(counter.count("ent_1", (Rate("calls", 5, LONG + 1),))) == (4,)


def test_a_plan_without_rates_is_unlimited(counter):
    count = counter.count("ent_1", ())

    assert (count.admitted, count.allowances) == (True, ())


@pytest.fixture
def restless():
    """Threads that interrupt each other hundreds of times more often than they usually do."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def test_threads_together_get_exactly_the_limit(counter, restless):
    rates = (Rate("minute", 1500, LONG), Rate("hour", 1400, LONG + 1))
    with ThreadPoolExecutor(8) as pool:
        admitted = pool.map(lambda _: sum(counter.count("ent_1", rates).admitted for _ in range(250)), range(8))

    assert sum(admitted) == 1400
    assert remaining(counter.peek("ent_1", rates)) == (100, 0)


@pytest.mark.parametrize(("now", "reset"), [(960.0, 60), (960.4, 60), (1019.0, 1), (1019.9, 1), (1020.0, 60)])
def test_reset_is_the_turn_of_an_aligned_window_rounded_up(clock, now, reset):
    clock.now = now

    assert MemoryCounter(clock).peek("ent_1", (Rate("minute", 1, 60),)).allowances[0].reset == reset


@pytest.mark.parametrize("now", [960.0, 999.5, 1019.99])
def test_after_reset_one_more_request_passes_in_memory(clock, now):
    clock.now = now
    counter = MemoryCounter(clock)
    refused = spend(counter, (Rate("burst", 2, 1), Rate("minute", 2, 60)), 3)
    clock.now += max(window.reset for window in refused.allowances if window.name in refused.refused)

    assert counter.count("ent_1", (Rate("burst", 2, 1), Rate("minute", 2, 60))).admitted


def test_a_window_stays_full_until_it_turns(clock):
    counter = MemoryCounter(clock)
    spend(counter, (Rate("minute", 1, 60),), 1)
    clock.now = 1019.999

    assert not counter.count("ent_1", (Rate("minute", 1, 60),)).admitted


def test_memory_forgets_windows_that_have_turned(clock):
    counter = MemoryCounter(clock)
    [counter.count(f"ent_{n}", (Rate("minute", 1, 60),)) for n in range(100)]
    clock.now += 60
    counter.count("ent_1", (Rate("minute", 1, 60),))

    assert [len(used) for _, used in counter._windows.values()] == [1]


def test_whoever_knows_an_older_version_is_told_and_charges_nothing(counter):
    counter.publish("ent_1", 8)
    count = counter.count("ent_1", BOTH, known=7)

    assert (count.admitted, count.refused, count.version or count.heard) == (False, (), 8)
    assert remaining(counter.peek("ent_1", BOTH)) == (2, 5)


@pytest.mark.parametrize("known", [0, 8, 9])
def test_whoever_knows_the_newest_version_or_asks_for_none_is_charged(counter, known):
    counter.publish("ent_1", 8)

    assert remaining(counter.count("ent_1", BOTH, known=known)) == (1, 4)


def test_a_prepared_question_with_an_older_version_charges_nothing(counter):
    plainest = counter.prepare("ent_1", BOTH, known=7)
    counter.publish("ent_1", 8)

    assert (plainest.ask().admitted, remaining(counter.peek("ent_1", BOTH))) == (False, (2, 5))


def test_nothing_of_a_quota_is_spent_or_asked_for_on_an_older_version(counter):
    counter.publish("ent_1", 8)
    budget = Budget("may", 100, 600, LONG)
    count = counter.count("ent_1", BOTH, known=7, budget=budget, block=Block(5, 5))

    assert (count.admitted, count.short) == (False, 0)
    assert counter.peek("ent_1", BOTH, budget=budget).quota.remaining == 100
