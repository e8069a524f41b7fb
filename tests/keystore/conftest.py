"""A keystore on real databases."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from keystore_samples import NOW, PEPPERS, Database
from redis import Redis
from redis_cluster import Cluster
from sqlalchemy.orm import Session

from keystore import Issued, Keystore, RedisCounter


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database for the keystore alone."""
    database = Database(database_url)
    yield database
    database.engine.dispose()


@pytest.fixture
def namespace(redis_url: str) -> Iterator[str]:
    """A corner of Redis for one test, empty before and after."""
    namespace = f"test-{uuid4().hex}"
    yield namespace
    with Redis.from_url(redis_url) as redis:
        redis.delete("nothing", *redis.scan_iter(f"{namespace}:*"))


@pytest.fixture
def redis_counter(redis_url: str, namespace: str) -> RedisCounter:
    """A patient counter in that corner."""
    return RedisCounter(redis_url, timeout=5, namespace=namespace)


@pytest.fixture
def cluster_counter(redis_cluster: Cluster) -> RedisCounter:
    """A patient counter on a cluster that is the tests' own."""
    return RedisCounter(redis_cluster.url, timeout=5, namespace=f"test-{uuid4().hex}")


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One writing session; commits at the end of the test."""
    with database.write() as session:
        yield session


@pytest.fixture
def keys(session: Session) -> Keystore:
    """The keystore on that session."""
    return Keystore(session, peppers=PEPPERS)


@pytest.fixture
def issued(keys: Keystore) -> Issued:
    """A pending key."""
    return keys.issue("ord_1", "pro", now=NOW, mode="test", seed=b"1" * 32)


@pytest.fixture
def settle(keys: Keystore) -> Callable[..., object]:
    """Write the ledger's verdict: active for 30 days unless told otherwise."""

    def settle(entitlement_id: str, status: str = "active", **changes: object) -> object:
        standing = {
            "plan": "pro",
            "starts_at": NOW,
            "ends_at": NOW + timedelta(days=30),
            "grace_ends_at": None,
        }
        return keys.settle(entitlement_id, status=status, **standing | changes)

    return settle


@pytest.fixture
def active(issued: Issued, settle: Callable[..., object]) -> Issued:
    """A key that works."""
    settle(issued.entitlement_id)
    return issued
