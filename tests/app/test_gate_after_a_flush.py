"""A counter store that forgot everything hears again of the keys in use, so that their copies serve as long as before."""

from dataclasses import replace
from uuid import uuid4

import pytest
from redis import Redis

from app import keys
from app.decision import Outcome, Toll
from app.gate import Gate
from app.keys import KeyChanges, KeyOrder
from keystore.limits import FallbackCounter, RedisCounter


@pytest.fixture
def namespace():
    return f"test-{uuid4().hex}"


@pytest.fixture
def flush(redis_url, namespace):
    def _flush():
        with Redis.from_url(redis_url) as redis:
            redis.delete("nothing", *redis.scan_iter(f"{namespace}:*"))

    yield _flush
    _flush()


@pytest.fixture
def tollgate(tollgate, redis_url, namespace):
    return replace(
        tollgate, counter=FallbackCounter(RedisCounter(redis_url, timeout=5, namespace=namespace), workers_total=1)
    )


def test_a_flushed_store_hears_of_a_key_in_use(tollgate, clock, flush):
    gate = Gate(tollgate, monotonic=lambda: clock().timestamp())
    key = keys.create(tollgate, KeyOrder("pro"), actor="test").api_key.reveal()
    version = gate.decide_key(key, Toll()).record.version
    flush()
    clock.forward(seconds=2)

    assert [gate.decide_key(key, Toll()).count.version for _ in range(2)] == [None, version]


def test_what_a_key_no_longer_lacks_is_charged(tollgate, clock, flush):
    """Its copy lacks it and nobody can confirm the copy: what was asked of the store on its word was no charge."""
    gate = Gate(tollgate, monotonic=lambda: clock().timestamp())
    key = keys.create(tollgate, KeyOrder("pro"), actor="test").api_key.reveal()
    found = gate.decide_key(key, Toll())
    keys.patch(tollgate, found.record.key_id, KeyChanges(limits={"minute": 1_000}), actor="test")
    flush()
    clock.forward(seconds=2)
    decision = gate.decide_key(key, Toll(cost=601))

    assert (decision.outcome, decision.count.allowances[0].remaining) == (Outcome.ALLOWED, 399)
