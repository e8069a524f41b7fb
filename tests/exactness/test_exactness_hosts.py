"""One key, many hosts, workers and threads at once: each window admits its limit, no more and no less."""

import pytest

from app.bench.exact import revoke_under_load, saturate


@pytest.mark.parametrize("server", ["gthread", "granian"])
def test_two_hosts_with_two_workers_each_admit_exactly_the_limit(shared, host, fresh_key, server):
    ports = [host(shared, server=server, workers=2) for _ in range(2)]

    found = saturate(ports, fresh_key(shared), callers=8, windows=2)

    assert found.exact, found
    assert found.refused > 0


@pytest.mark.parametrize("server", ["gthread", "granian"])
def test_one_worker_alone_admits_exactly_the_limit(embedded, host, fresh_key, server):
    found = saturate([host(embedded, server=server, threads=8)], fresh_key(embedded), callers=8, windows=2)

    assert found.exact, found
    assert found.refused > 0


def test_a_revoked_key_is_refused_by_every_worker_of_every_host_at_once(shared, host, fresh_key):
    ports = [host(shared, workers=2) for _ in range(2)]

    assert revoke_under_load(shared, ports, fresh_key(shared, "bench3"), callers=8) < 0.5


def test_without_redis_a_change_made_by_another_process_is_heard_within_a_second(embedded, host, fresh_key):
    assert revoke_under_load(embedded, [host(embedded)], fresh_key(embedded, "bench3"), callers=4) < 1.1
