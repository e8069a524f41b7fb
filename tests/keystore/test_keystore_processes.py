"""Exactness across processes, each with a connection of its own."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from keystore import Rate, RedisCounter

RATES = (Rate("minute", 130, 10_000_000), Rate("hour", 1000, 10_000_001))


def admitted(url, namespace, times):
    """How many of so many requests of one process pass."""
    counter = RedisCounter(url, timeout=10, namespace=namespace)
    return sum(counter.count("ent_1", RATES).admitted for _ in range(times))


@pytest.fixture(params=["server", "cluster"])
def url(request):
    """A Redis, or three."""
    alone = request.param == "server"
    return request.getfixturevalue("redis_url") if alone else request.getfixturevalue("redis_cluster").url


def test_processes_together_get_exactly_the_limit(url, namespace):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        passed = sum(pool.map(admitted, [url] * 4, [namespace] * 4, [60] * 4))

    assert passed == 130
    assert RedisCounter(url, namespace=namespace).peek("ent_1", RATES).allowances[1].remaining == 870
