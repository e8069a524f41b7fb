"""A quota is exact across threads and processes, and whatever happens to Redis costs requests, never gives them away."""

import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from types import SimpleNamespace
from uuid import uuid4

import pytest
from redis import Redis

from app.db import Database
from app.metering import Terms, charge, look
from keystore import CounterStoreDown, FallbackCounter, Keystore, MemoryCounter, Peppers, Rate, RedisCounter
from keystore.periods import Budget

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIMIT = 2000
HOUR = (Rate("hour", 1_000_000, 10_000_000),)  # does not turn while a test runs
WORKERS = 4


@pytest.fixture
def namespace(redis_url):
    """A corner of Redis for one test."""
    namespace = f"test-{uuid4().hex}"
    yield namespace
    flush(redis_url, namespace)


def flush(redis_url, namespace):
    with Redis.from_url(redis_url) as redis:
        redis.delete("nothing", *redis.scan_iter(f"{namespace}:*"))


@pytest.fixture
def terms(database_url):
    """An entitlement with a quota, in a fresh database."""
    database = Database(database_url)
    with database.write() as session:
        keys = Keystore(session, peppers=Peppers.parse("v1:the first pepper of the tests"))
        issued = keys.issue("ord_1", "pro", now=NOW, mode="test", seed=b"1" * 32)
    database.engine.dispose()
    return Terms(issued.entitlement_id, HOUR, Budget("may", LIMIT, 600, 2_592_000))


@pytest.fixture
def parts(database_url, terms):
    """What charging needs of a Tollgate, with a counter to be put in."""
    database = Database(database_url)
    yield lambda counter: SimpleNamespace(db=database, counter=counter)
    database.engine.dispose()


def spend(parts, terms, times, cost=1):
    return sum(charge(parts, terms, cost).admitted for _ in range(times))


def spend_alone(database_url, redis_url, namespace, terms, times):
    """One process of several."""
    database = Database(database_url)
    parts = SimpleNamespace(db=database, counter=RedisCounter(redis_url, timeout=10, namespace=namespace))
    admitted = spend(parts, terms, times)
    database.engine.dispose()
    return admitted


@pytest.fixture
def redis_counter(redis_url, namespace):
    """A patient one."""
    return RedisCounter(redis_url, timeout=10, namespace=namespace)


@pytest.fixture(params=["memory", "redis"])
def counter(request):
    return MemoryCounter() if request.param == "memory" else request.getfixturevalue("redis_counter")


def test_eight_threads_get_exactly_the_quota(parts, terms, counter):
    together = parts(counter)
    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(lambda _: spend(together, terms, 300), range(8)))

    assert (admitted, look(together, terms).quota.remaining) == (LIMIT, 0)


def test_eight_threads_with_dear_requests_waste_nothing(parts, terms, counter):
    together = parts(counter)
    with ThreadPoolExecutor(8) as pool:
        costs = [cost * spend(together, terms, 1, cost) for cost in [7, 11] * 50]
        costs += pool.map(lambda cost: cost * spend(together, terms, 100, cost), [5, 6, 7, 8])
    rest = look(together, terms).quota.remaining

    assert sum(costs) + spend(together, terms, rest + 5) == LIMIT


def test_processes_together_get_exactly_the_quota(database_url, redis_url, namespace, terms):
    asked = [[value] * WORKERS for value in (database_url, redis_url, namespace, terms, 600)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        admitted = sum(pool.map(spend_alone, *asked))

    assert admitted == LIMIT


def test_flushing_redis_again_and_again_never_admits_more(redis_url, namespace, parts, terms, redis_counter):
    together = parts(redis_counter)
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(spend, together, terms, 350) for _ in range(8)]
        flushes = sum(flush(redis_url, namespace) is None for _ in range(100))
        admitted = sum(one.result() for one in running)

    assert LIMIT - 100 * LIMIT // 1000 * 8 <= admitted <= LIMIT
    assert flushes == 100


def test_a_flush_costs_what_was_left_of_a_block(redis_url, namespace, parts, terms, redis_counter):
    together = parts(redis_counter)
    before = spend(together, terms, 101)
    flush(redis_url, namespace)

    assert before + spend(together, terms, LIMIT) == LIMIT - 1


def test_without_redis_two_processes_share_the_quota_and_no_more(parts, terms):
    nowhere = RedisCounter("redis://127.0.0.1:1")
    alone = [parts(FallbackCounter(nowhere, workers_total=2, breaker_seconds=3600)) for _ in range(2)]
    admitted = [spend(one, terms, 900) for one in alone] + [spend(one, terms, 700) for one in alone]

    assert sum(admitted) == LIMIT


class Flaky:
    """A shared counter whose answers get lost now and then, after it has counted."""

    def __init__(self, counter):
        self.counter, self.chance = counter, random.Random(7)

    def count(self, *question, **details):
        answer = self.counter.count(*question, **details)
        if self.chance.random() < 0.05:
            raise CounterStoreDown
        return answer


def test_lost_answers_of_the_counter_store_never_admit_more(parts, terms):
    shared = Flaky(MemoryCounter())
    workers = [parts(FallbackCounter(shared, workers_total=4, breaker_seconds=0.001)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        admitted = sum(pool.map(lambda one: spend(one, terms, 700), workers))

    assert LIMIT * 0.7 < admitted <= LIMIT
