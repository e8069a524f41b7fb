"""Whether a store that is full throws counts away."""

import pytest
from redis import Redis

from keystore import CounterStoreDown, RedisCounter


@pytest.fixture
def full(own_redis):
    """Give the server so much memory and a policy; a counter on it."""

    def _full(maxmemory, policy):
        with Redis.from_url(own_redis) as redis:
            redis.config_set("maxmemory", maxmemory, "maxmemory-policy", policy)
        return RedisCounter(own_redis, timeout=5)

    return _full


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_throws_away_is_found_out(full, policy):
    assert full("100mb", policy).eviction() == policy


@pytest.mark.parametrize(("maxmemory", "policy"), [("100mb", "noeviction"), (0, "volatile-lru")])
def test_a_server_that_refuses_instead_or_has_no_bound_is_fine(full, maxmemory, policy):
    assert full(maxmemory, policy).eviction() is None


def test_it_works_where_configuration_is_forbidden(full, own_redis):
    counter = full("100mb", "volatile-lru")
    with Redis.from_url(own_redis) as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-config")

    assert counter.eviction() == "volatile-lru"


@pytest.mark.parametrize("refused", ["-info", "-@dangerous"])
def test_a_server_that_does_not_tell_is_named(full, own_redis, refused):
    counter = full("100mb", "volatile-lru")
    with Redis.from_url(own_redis) as redis:
        redis.execute_command("ACL", "SETUSER", "default", refused)

    with pytest.raises(CounterStoreDown):
        counter.eviction()


def test_one_node_of_a_cluster_is_enough(cluster_counter, redis_cluster):
    def set_last(*what):
        redis_cluster.ask(redis_cluster.ports[-1], "CONFIG", "SET", *what)

    set_last("maxmemory", "100mb")
    set_last("maxmemory-policy", "allkeys-lru")
    found = cluster_counter.eviction()
    set_last("maxmemory", 0)

    assert (found, cluster_counter.eviction()) == ("allkeys-lru", None)
