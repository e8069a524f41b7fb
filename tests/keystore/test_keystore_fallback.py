"""Redis gone, hung and back again."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import pytest

from keystore import Count, CounterStoreDown, FallbackCounter, Rate, RedisCounter

RATES = (Rate("minute", 10, 10_000_000),)
TIMEOUT = 0.5  # waited for once: twice would be a second, and a busy machine has half of that to be late


class Store:
    """A counter store that can be switched off, and notes how often it was asked."""

    def __init__(self):
        self.down, self.asked = True, 0

    def count(self, entitlement, rates, *, cost=1, known=0, budget=None, block=None):
        self.asked += 1
        if self.down:
            raise CounterStoreDown
        return Count(admitted=True, version=7)

    def peek(self, entitlement, rates, *, budget=None, block=None):
        return self.count(entitlement, rates)

    def prepare(self, entitlement, rates, *, known=0):
        return SimpleNamespace(ask=partial(self.count, entitlement, rates, known=known), later=self.later)

    def later(self, then):
        """Tells at once, and several times where many asked."""
        heard = CounterStoreDown("gone") if self.down else Count(admitted=True, version=7)
        self.asked += 1
        then(heard)
        return True

    def publish(self, entitlement, version):
        self.count(entitlement, ())

    def ping(self):
        self.count("", ())


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def counter(store, clock):
    return FallbackCounter(store, workers_total=4, breaker_seconds=5, clock=clock)


@pytest.fixture
def nowhere():
    """A port where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def hung():
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"redis://127.0.0.1:{silent.getsockname()[1]}"


@pytest.fixture
def garbage():
    """A server that answers something that is not Redis' protocol."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        pool.submit(answer)
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


def ask_everything(counter):
    return [
        lambda: counter.count("ent_1", RATES),
        lambda: counter.peek("ent_1", RATES),
        counter.prepare("ent_1", RATES).ask,
        lambda: counter.publish("ent_1", 1),
        counter.ping,
    ]


@pytest.mark.parametrize("question", range(5))
@pytest.mark.parametrize("where", ["nowhere", "hung", "garbage"])
def test_a_dead_redis_is_said_to_be_down_in_time(request, where, question):
    ask = ask_everything(RedisCounter(request.getfixturevalue(where), timeout=TIMEOUT))[question]
    started = time.monotonic()

    with pytest.raises(CounterStoreDown):
        ask()
    assert time.monotonic() - started < 2 * TIMEOUT


def test_while_the_store_is_down_each_process_admits_its_share(counter):
    counts = [counter.count("ent_1", RATES) for _ in range(5)]

    assert [count.admitted for count in counts] == [True, True, False, False, False]
    assert all(count.degraded for count in counts)


def test_a_prepared_question_is_answered_by_the_share_too_and_shares_the_breaker(counter, store):
    plainest = counter.prepare("ent_1", RATES)
    counts = [plainest.ask() for _ in range(3)]

    assert [(count.admitted, count.degraded) for count in counts] == [(True, True), (True, True), (False, True)]
    assert (store.asked, counter.degraded_total) == (1, 3)


def test_a_prepared_question_goes_back_to_a_store_that_came_back(counter, store, clock):
    plainest = counter.prepare("ent_1", RATES)
    plainest.ask()
    store.down, clock.now = False, 5

    assert (plainest.ask().version, plainest.ask().degraded) == (7, False)


def test_who_does_not_wait_hears_the_share_of_a_store_that_fails(counter, caplog):
    caplog.set_level("WARNING", logger="keystore.limits.fallback")
    heard, plainest = [], counter.prepare("ent_1", RATES)
    asked = [plainest.later(heard.append) for _ in range(2)]

    assert [(count.admitted, count.degraded) for count in heard] == [(True, True)]
    assert (asked, counter.degraded_total) == ([True, False], 1)  # the second one is to ask as the breaker wants it
    assert caplog.text.count("counted without the counter store") == 1


def test_many_who_hear_of_a_failure_at_once_open_the_breaker_once(counter, store, caplog):
    caplog.set_level("WARNING", logger="keystore.limits.fallback")
    waiting, heard = [], []
    store.later = lambda then: waiting.append(then) or True
    plainest = counter.prepare("ent_1", RATES)
    [plainest.later(heard.append) for _ in range(4)]
    [then(CounterStoreDown("gone")) for then in waiting]

    assert [count.admitted for count in heard] == [True, True, False, False]
    assert caplog.text.count("counted without the counter store") == 1


def test_what_was_not_counted_for_sure_is_handed_on_as_that(counter, store):
    heard = []
    store.later = lambda then: then(None) or True
    counter.prepare("ent_1", RATES).later(heard.append)

    assert (heard, counter.degraded_total) == ([None], 0)


def test_a_share_is_never_nothing(counter):
    assert counter.count("ent_1", (Rate("minute", 1, 10_000_000),)).admitted


def test_degraded_answers_are_counted(counter):
    counter.count("ent_1", RATES)
    counter.peek("ent_1", RATES)

    assert counter.degraded_total == 2


@pytest.mark.parametrize(
    ("place", "store_at"), [(None, "counter store"), (lambda _: "10.0.0.1:1", "counter store 10.0.0.1:1")]
)
def test_the_log_names_what_fails(store, caplog, place, store_at):
    with caplog.at_level("WARNING", logger="keystore.limits.fallback"):
        FallbackCounter(store, workers_total=4, place=place).count("ent_1", RATES)

    assert f"counted without the {store_at} for a while" in caplog.text


def test_a_store_that_failed_is_left_alone_for_a_while(counter, store, clock):
    counter.count("ent_1", RATES)
    clock.now = 4.9
    counter.count("ent_1", RATES)

    assert store.asked == 1


def test_a_store_that_still_fails_is_asked_once_per_while(counter, store, clock):
    counter.count("ent_1", RATES)
    clock.now = 5
    counter.count("ent_1", RATES)
    counter.count("ent_1", RATES)

    assert store.asked == 2


def test_a_store_that_is_back_is_used_again(counter, store, clock):
    counter.count("ent_1", RATES)
    store.down, clock.now = False, 5
    counts = [counter.count("ent_1", RATES) for _ in range(2)]

    assert [(count.degraded, count.version) for count in counts] == [(False, 7)] * 2


def test_a_healthy_store_answers_for_itself(counter, store):
    store.down = False

    assert counter.count("ent_1", RATES).version == 7
    assert counter.degraded_total == 0


def test_publishing_to_a_store_that_is_left_alone_fails_at_once(counter, store):
    counter.count("ent_1", RATES)

    with pytest.raises(CounterStoreDown):
        counter.publish("ent_1", 2)
    assert store.asked == 1


def test_a_hung_redis_costs_one_time_out(hung):
    counter = FallbackCounter(RedisCounter(hung, timeout=TIMEOUT), workers_total=1, breaker_seconds=60)
    started = time.monotonic()
    counts = [counter.count("ent_1", RATES) for _ in range(50)]

    assert time.monotonic() - started < 2 * TIMEOUT
    assert sum(count.admitted for count in counts) == 10


def test_a_hung_redis_holds_up_one_thread_when_it_is_tried_again(hung):
    counter = FallbackCounter(RedisCounter(hung, timeout=TIMEOUT), workers_total=1, breaker_seconds=0.3)
    counter.count("ent_1", RATES)
    time.sleep(0.3)
    with ThreadPoolExecutor(4) as pool:
        slow = list(pool.map(lambda _: seconds(counter), range(4)))

    assert sum(taken >= TIMEOUT for taken in slow) == 1


def seconds(counter):
    started = time.monotonic()
    counter.count("ent_1", RATES)
    return time.monotonic() - started


class Slow(Store):
    """Tells those who do not wait when a test says so."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def later(self, then):
        self.waiting.append(then)
        return True


def test_a_failure_is_of_the_place_that_was_asked_wherever_the_entitlement_is_by_then():
    store, places = Slow(), {"ent_1": "node a", "ent_2": "node b"}
    counter = FallbackCounter(store, workers_total=1, place=lambda entitlement: places[entitlement])
    first, second = (counter.prepare(entitlement, RATES) for entitlement in places)
    first.later(lambda _: None)
    places["ent_1"] = "node b"
    store.waiting.pop()(CounterStoreDown("gone"))
    moved = first.later(lambda _: None), second.later(lambda _: None)
    places["ent_1"] = "node a"

    assert (moved, first.later(lambda _: None)) == ((True, True), False)
