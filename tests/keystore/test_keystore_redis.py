"""What only the counter in Redis has: a server's clock, expiry, published versions."""

import time
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from types import SimpleNamespace

import pytest
from redis import Redis
from redis.exceptions import TryAgainError

from keystore import Rate, RedisCounter
from keystore.errors import LeftAlone
from keystore.limits.shared import _windows

LONG = 10_000_000  # seconds: does not turn while a test runs
SECOND, MINUTE = Rate("burst", 2, 1), Rate("minute", 9, 60)
SLOW = (Rate("slow", 5, LONG),)


@pytest.fixture
def redis(redis_url):
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        yield redis


@pytest.fixture
def key(redis_counter):
    """Everything Redis holds of the one entitlement."""
    return redis_counter._key("ent_1")


def test_after_reset_one_more_request_passes(redis_counter):
    refused = [redis_counter.count("ent_1", (SECOND,)) for _ in range(20)][-1]
    time.sleep(refused.allowances[0].reset)

    assert redis_counter.count("ent_1", (SECOND,)).admitted


def test_a_window_that_has_turned_counts_no_more_although_its_key_lives(redis_counter, redis, key):
    redis.hset(key, mapping={"1": 99, "1@": 1})

    assert redis_counter.count("ent_1", (SECOND,)).allowances[0].remaining == 1


def test_everything_expires_by_itself_and_not_too_early(redis_counter, redis, key):
    redis_counter.count("ent_1", (SECOND, MINUTE))
    redis_counter.count("ent_1", (SECOND,))

    assert 59 <= redis.ttl(key) <= 121


def test_one_entitlement_lives_under_one_hash_tag(redis_counter, redis, namespace):
    redis_counter.count("ent_1", (SECOND, MINUTE))
    redis_counter.publish("ent_1", 1)

    assert list(redis.scan_iter(f"{namespace}:*")) == [f"{namespace}:{{ent_1}}"]


def test_counting_tells_the_published_version(redis_counter):
    before = redis_counter.count("ent_1", SLOW).version
    redis_counter.publish("ent_1", 7)

    assert (before, redis_counter.count("ent_1", SLOW).version) == (None, 7)


def test_a_version_is_never_lowered(redis_counter):
    redis_counter.publish("ent_1", 10)
    redis_counter.publish("ent_1", 9)

    assert redis_counter.peek("ent_1", ()).version == 10


def test_a_refusal_tells_the_version_too(redis_counter):
    redis_counter.publish("ent_1", 7)

    assert redis_counter.count("ent_1", SLOW, cost=6).version == 7


def test_counting_does_not_forget_a_version(redis_counter, redis, key):
    redis_counter.publish("ent_1", 7)
    redis_counter.count("ent_1", (SECOND,))

    assert redis.ttl(key) > 86_000


def test_publishing_does_not_shorten_a_window(redis_counter, redis, key):
    redis_counter.count("ent_1", (Rate("year", 5, 50 * LONG),))
    redis_counter.publish("ent_1", 7)

    assert redis.ttl(key) > 90_000


def test_a_script_that_redis_has_forgotten_is_sent_again(redis_counter, redis):
    redis_counter.count("ent_1", SLOW)
    redis.script_flush()

    assert redis_counter.count("ent_1", SLOW).allowances[0].remaining == 3


def test_a_prepared_question_survives_that_too(redis_counter, redis):
    plainest = redis_counter.prepare("ent_1", SLOW)
    plainest.ask()
    redis.script_flush()

    assert plainest.ask().allowances[0].remaining == 3


@pytest.fixture
def hear(redis_counter):
    """Ask without waiting, and wait for what is heard."""
    heard = Queue()
    hear = lambda question: heard.get(timeout=10) if question.later(heard.put) else "not asked"  # noqa: E731
    other = redis_counter.prepare("ent_other", SLOW)  # by which the connection is made
    assert any(hear(other) != "not asked" or time.sleep(0.01) for _ in range(500))
    return hear


def test_who_does_not_wait_hears_the_same_count(redis_counter, hear):
    plainest = redis_counter.prepare("ent_1", SLOW, known=7)
    redis_counter.publish("ent_1", 7)
    heard = [hear(plainest) for _ in range(6)]

    assert [(count.admitted, count.allowances[0].remaining) for count in heard] == [
        (True, 4), (True, 3), (True, 2), (True, 1), (True, 0), (False, 0)
    ]  # fmt: skip
    assert {count.version for count in heard} == {7}


def test_who_does_not_wait_is_charged_nothing_on_an_outdated_version(redis_counter, hear):
    redis_counter.publish("ent_1", 8)

    count = hear(redis_counter.prepare("ent_1", SLOW, known=7))
    assert (count.admitted, count.refused, count.allowances[0].remaining, count.version) == (False, (), 5, 8)


def test_where_redis_has_forgotten_the_script_who_does_not_wait_is_told_to(redis_counter, redis, hear):
    plainest = redis_counter.prepare("ent_1", SLOW)
    plainest.ask()
    redis.script_flush()

    assert (hear(plainest), plainest.ask().allowances[0].remaining) == (None, 3)


@pytest.mark.usefixtures("hear")
def test_threads_that_wait_and_threads_that_do_not_share_a_limit_exactly(redis_counter):
    plainest = redis_counter.prepare("ent_1", (Rate("slow", 500, LONG),))
    heard = Queue()
    with ThreadPoolExecutor(8) as threads:
        asked = list(threads.map(lambda _: (plainest.later(heard.put), plainest.ask()), range(400)))

    admitted = [count.admitted for _, count in asked] + [heard.get(timeout=10).admitted for _ in range(400)]
    assert admitted.count(True) == 500


def test_what_all_counts_of_a_plan_share_cannot_be_changed():
    assert _windows((SECOND, MINUTE)) == (1, 2, 60, 9)


def ask_of_a_slot_on_its_way():
    raise TryAgainError


@pytest.mark.parametrize(
    "ask", [lambda counter: counter.prepare("ent_1", SLOW).ask(), lambda counter: counter.count("ent_1", SLOW)]
)
def test_a_slot_on_its_way_is_no_failure_of_its_node(ask):
    counter = RedisCounter("redis://127.0.0.1:1")
    prepared = SimpleNamespace(ask=ask_of_a_slot_on_its_way)
    counter._link = SimpleNamespace(prepare=lambda *_: prepared, ask=lambda *_: ask_of_a_slot_on_its_way())
    with pytest.raises(LeftAlone):
        ask(counter)


def test_a_script_that_redis_does_not_know_costs_a_prepared_question_one_round_trip_more(own_redis):
    RedisCounter(own_redis).prepare("ent_1", SLOW).ask()
    with Redis.from_url(own_redis) as redis:
        asked = redis.info("commandstats")

    assert [asked[f"cmdstat_{name}"]["calls"] for name in ("evalsha", "eval")] == [1, 1]
