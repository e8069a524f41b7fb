"""What only a Redis Cluster has: slots that move while they are counted in, and nodes that fail alone."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Queue
from types import SimpleNamespace

import pytest
from redis import Redis
from redis_cluster import wait_until

from keystore import Count, CounterStoreDown, FallbackCounter, Rate, RedisCounter
from keystore.limits.contract import Block
from keystore.periods import Budget

TIMEOUT = 0.2  # a little below the default: a busy machine may not fail these tests
RATES = (Rate("minute", 500, 10_000_000), Rate("hour", 400, 10_000_001))
BUDGET = Budget("p1", 300, 1000, 10_000)


def test_an_entitlement_and_its_quota_live_on_one_node(cluster_counter, redis_cluster):
    cluster_counter.count("ent_1", RATES, budget=BUDGET, block=Block(10, 10))
    key = cluster_counter._key("ent_1")
    with Redis(port=redis_cluster.port_of(key), decode_responses=True) as node:
        assert sorted(node.scan_iter(f"{key}*")) == [key, f"{key}:p1"]


def test_entitlements_are_spread_over_all_nodes(cluster_counter):
    [cluster_counter.count(f"ent_{n}", RATES) for n in range(30)]

    assert len({cluster_counter.place(f"ent_{n}") for n in range(30)}) == 3


def test_a_question_is_one_command_on_one_node(cluster_counter, redis_cluster):
    cluster_counter.count("ent_1", RATES)
    with Redis(port=redis_cluster.port_of(cluster_counter._key("ent_1"))) as node:
        node.config_resetstat()
        [cluster_counter.count("ent_1", RATES) for _ in range(20)]
        assert node.info("commandstats")["cmdstat_evalsha"]["calls"] == 20


@pytest.mark.parametrize("half", [False, True], ids=["moved", "on its way"])
def test_a_slot_that_moves_takes_its_counts_along(cluster_counter, redis_cluster, half):
    key = cluster_counter._key("ent_1")
    cluster_counter.count("ent_1", RATES)
    target = redis_cluster.move(key, half=half)
    found = [cluster_counter.count("ent_1", RATES).allowances[0].remaining for _ in range(3)]
    redis_cluster.settle(key, target)

    assert found == [498, 497, 496]


def test_a_quota_whose_slot_is_on_its_way_degrades_nobody_else(cluster_counter, redis_cluster):
    counter = FallbackCounter(cluster_counter, workers_total=4, place=cluster_counter.place)
    counter.count("ent_1", RATES)
    home = cluster_counter.place("ent_1")
    neighbour = next(f"ent_{n}" for n in range(2, 200) if cluster_counter.place(f"ent_{n}") == home)
    key = cluster_counter._key("ent_1")
    source = redis_cluster.port_of(key)
    redis_cluster.announce(key)
    own = counter.count("ent_1", RATES, budget=BUDGET, block=Block(10, 10))
    other = counter.count(neighbour, RATES)
    redis_cluster.settle(key, source)

    assert (own.degraded, own.quota.remaining, other.degraded) == (True, 299, False)


def test_after_a_move_the_new_node_is_asked_at_once(cluster_counter, redis_cluster):
    cluster_counter.count("ent_1", RATES)
    target = redis_cluster.move(cluster_counter._key("ent_1"))
    cluster_counter.count("ent_1", RATES)

    assert cluster_counter.place("ent_1") == f"127.0.0.1:{target}"


def test_a_healthy_cluster_is_not_complained_about(cluster_counter, redis_cluster, caplog):
    cluster_counter.count("ent_1", RATES)
    redis_cluster.move(cluster_counter._key("ent_1"))
    cluster_counter.count("ent_1", RATES)
    wait_until(lambda: "redis-cluster-map" not in {thread.name for thread in threading.enumerate()})

    assert caplog.text == ""


def test_a_node_that_leaves_has_its_connections_closed(cluster_counter, redis_cluster):
    def connections():
        return redis_cluster.ask(guest, "CLIENT", "LIST").count("cmd=eval")

    key = cluster_counter._key("ent_1")
    with redis_cluster.guest() as guest:
        home = redis_cluster.port_of(key)
        redis_cluster.move(key, to=guest)
        cluster_counter.count("ent_1", RATES)
        before = connections()
        redis_cluster.move(key, to=home)
        cluster_counter.count("ent_1", RATES)  # told that it moved, the counter reads the map anew
        wait_until(lambda: connections() == 0)

    assert before == 1


@pytest.fixture
def hear():
    """Ask without waiting, and wait for what is heard."""
    heard = Queue()
    return lambda question: heard.get(timeout=10) if question.later(heard.put) else "not asked"


def connected(hear, question):
    """The first one only has a connection made. Nothing was counted by then."""
    return any(hear(question) != "not asked" or time.sleep(0.01) for _ in range(500))


def test_who_does_not_wait_is_answered_by_the_node_that_has_the_slot(cluster_counter, hear):
    questions = [cluster_counter.prepare(f"ent_{n}", RATES) for n in range(30)]
    first = hear(questions[0])  # where the slots are is not known yet: who waits finds out
    [question.ask() for question in questions]
    rest = [connected(hear, question) for question in questions]

    assert (first, all(rest)) == ("not asked", True)
    assert [hear(question).allowances[0].remaining for question in questions] == [497] * 30


@pytest.mark.parametrize("half", [False, True], ids=["moved", "on its way"])
def test_while_a_slot_moves_who_does_not_wait_is_told_to_and_nothing_is_counted(
    cluster_counter, redis_cluster, hear, half
):
    key, question = cluster_counter._key("ent_1"), cluster_counter.prepare("ent_1", RATES)
    question.ask()
    connected(hear, question)
    target = redis_cluster.move(key, half=half)
    told, waited = hear(question), question.ask()
    redis_cluster.settle(key, target)

    assert (told, waited.allowances[0].remaining) == (None, 497)


def test_who_does_not_wait_finds_where_a_slot_went_from_a_node_that_hangs(redis_cluster, hear):
    counter = RedisCounter(redis_cluster.url, timeout=TIMEOUT, namespace=f"test-{time.monotonic_ns()}")
    question = counter.prepare("ent_1", RATES)
    question.ask()
    reached = any(isinstance(hear(question), Count) or time.sleep(0.02) for _ in range(200))
    lost = redis_cluster.take_over(counter._key("ent_1"))
    told = hear(question)
    found = any(isinstance(hear(question), Count) or time.sleep(0.05) for _ in range(200))
    redis_cluster.signal(lost, signal.SIGCONT)
    redis_cluster.wait_until_whole()

    assert (reached, type(told), found) == (True, CounterStoreDown, True)


def test_threads_get_exactly_the_limit_while_their_slot_moves_about(cluster_counter, redis_cluster):
    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(lambda: cluster_counter.count("ent_1", RATES).admitted) for _ in range(1_000)]
        moving = pool.submit(lambda: [redis_cluster.move(cluster_counter._key("ent_1")) for _ in range(8)])
        admitted = sum(one.result() for one in asked)

    assert moving.exception() is None
    assert admitted == 400


def test_a_slot_that_was_taken_over_from_a_node_that_hangs_is_found(redis_cluster):
    shared = RedisCounter(redis_cluster.url, timeout=TIMEOUT, namespace=f"test-{time.monotonic_ns()}")
    counter = FallbackCounter(shared, workers_total=4, breaker_seconds=0.2, place=shared.place)
    counter.count("ent_1", RATES)
    lost = redis_cluster.take_over(shared._key("ent_1"))
    found = any(not counter.count("ent_1", RATES).degraded or time.sleep(0.1) for _ in range(100))
    redis_cluster.signal(lost, signal.SIGCONT)
    redis_cluster.wait_until_whole()

    assert found


def test_a_first_node_that_is_dead_does_not_matter(redis_cluster):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{closed.getsockname()[1]}"
        counter = RedisCounter(redis_cluster.url.replace("//", f"//{dead},"), timeout=5)
        assert counter.count("ent_1", ()).admitted


@pytest.fixture
def no_thread():
    """While it lasts no thread can be started: there is no room for its stack."""

    @contextmanager
    def _no_thread():
        threading.stack_size(1 << 47)
        try:
            yield
        finally:
            threading.stack_size(0)

    return _no_thread


def test_where_no_thread_is_to_be_had_to_learn_of_the_nodes_the_next_request_tries_again(redis_cluster, no_thread):
    shared = RedisCounter(redis_cluster.url, timeout=TIMEOUT, namespace=f"test-{time.monotonic_ns()}")
    counter = FallbackCounter(shared, workers_total=4, breaker_seconds=0, place=shared.place)
    with no_thread():
        alone = counter.count("ent_1", RATES)
    found = any(not counter.count("ent_1", RATES).degraded for _ in range(20))

    assert (alone.degraded, found) == (True, True)


def test_a_move_is_followed_without_one(cluster_counter, redis_cluster, no_thread):
    cluster_counter.count("ent_1", RATES)
    redis_cluster.move(cluster_counter._key("ent_1"))
    with no_thread():
        followed = cluster_counter.count("ent_1", RATES)

    assert followed.allowances[0].remaining == 498


def test_a_cluster_that_is_nowhere_is_said_to_be_down_in_time():
    counter = RedisCounter("redis+cluster://127.0.0.1:1,127.0.0.1:2", timeout=TIMEOUT)
    started = time.monotonic()

    with pytest.raises(CounterStoreDown):
        counter.count("ent_1", RATES)
    assert time.monotonic() - started < 3 * TIMEOUT  # two addresses, of which neither is waited for


@pytest.fixture(params=[signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def outage(request, redis_cluster):
    """One of three nodes fails: what an entitlement on it and one elsewhere are told, while it is gone and when it is back."""
    shared = RedisCounter(redis_cluster.url, timeout=TIMEOUT, namespace=f"test-{time.monotonic_ns()}")
    counter = FallbackCounter(shared, workers_total=4, breaker_seconds=0.5, place=shared.place)
    counter.count("ent_0", RATES)
    lost, kept = (next(f"ent_{n}" for n in range(99) if (shared.place(f"ent_{n}") == shared.place("ent_0")) is same) for same in (True, False))  # fmt: skip
    port = int(shared.place(lost).rpartition(":")[2])
    redis_cluster.signal(port, request.param)
    said = [timed(counter, lost) for _ in range(20)]
    others = [timed(counter, kept) for _ in range(20)]
    redis_cluster.start(port) if request.param == signal.SIGKILL else redis_cluster.signal(port, signal.SIGCONT)
    redis_cluster.wait_until_whole()
    back = any(not timed(counter, lost)[0].degraded or time.sleep(0.1) for _ in range(100))
    return SimpleNamespace(lost=said, kept=others, back=back)


def timed(counter, entitlement):
    started = time.monotonic()
    return counter.count(entitlement, RATES), time.monotonic() - started


def test_a_node_that_fails_degrades_only_what_it_has_and_for_no_longer_than_it_is_gone(outage):
    assert all(count.degraded for count, _ in outage.lost)
    assert not any(count.degraded for count, _ in outage.kept)
    slowest = sorted(seconds for _, seconds in outage.lost + outage.kept)
    assert slowest[-3] < 0.3  # of forty: a machine that stops for a moment makes one late, a gate that waits makes many
    assert outage.back
