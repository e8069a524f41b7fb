"""A machine whose clock is set while limits are counted, and windows that turn under load."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
import time_machine
from redis import Redis

from keystore import MemoryCounter, Rate

HOUR = 3600
LIMIT = 150


@pytest.fixture(params=["memory", "redis"])
def counter(request):
    """On the clock that it has in production."""
    return MemoryCounter() if request.param == "memory" else request.getfixturevalue("redis_counter")


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_setting_the_machine_s_clock_opens_no_window(counter, step):
    rates = (Rate("era", 2, 10_000_000),)
    [counter.count("ent_1", rates) for _ in range(2)]
    with time_machine.travel(time.time() + step):
        assert not counter.count("ent_1", rates).admitted


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_setting_the_machine_s_clock_locks_nobody_out(counter, step):
    rates = (Rate("minute", 2, 60),)
    [counter.count("ent_1", rates) for _ in range(3)]
    with time_machine.travel(time.time() + step):
        assert counter.count("ent_1", rates).allowances[0].reset <= 60


@pytest.mark.parametrize(("ahead", "admitted"), [(1, False), (2, True)])
def test_a_store_whose_clock_went_back_opens_no_window_twice_and_locks_nobody_out(
    redis_counter, redis_url, namespace, ahead, admitted
):
    """As if its clock had been one window ahead, or longer, when they were used up."""
    rate = Rate("day", 2, 86_400)
    store = Redis.from_url(redis_url)
    now = store.time()[0]
    start = now - now % rate.window + ahead * rate.window
    store.hset(f"{namespace}:{{ent_1}}", mapping={"86400": 2, "86400@": start})

    count = redis_counter.count("ent_1", (rate,))

    assert count.admitted is admitted
    assert 0 < count.allowances[0].reset <= 2 * rate.window


class Turning:
    """A clock that goes on by one second as soon as somebody was refused, once."""

    def __init__(self):
        self.now, self._lock = 1000.0, Lock()

    def __call__(self):
        return self.now

    def turn(self, count):
        """What a thread tells of its request; hands back whether it passed."""
        with self._lock:
            self.now = 1001.0 if not count.admitted else self.now
        return count.admitted


def test_threads_that_ask_while_the_window_turns_get_the_limit_of_each_window():
    clock = Turning()
    counter = MemoryCounter(clock)
    with ThreadPoolExecutor(8) as pool:
        passed = pool.map(lambda _: clock.turn(counter.count("ent_1", (Rate("burst", LIMIT, 1),))), range(8 * LIMIT))

    assert sum(passed) == 2 * LIMIT
