"""One key, many hosts, workers and threads at once: each window admits its limit, no more and no less.

TOLLGATE_TRIALS=10 is the long form: 4 workers of 8 threads on each host, so many windows, so many revocations. The figures are
printed (pytest -s).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import click
import pytest

from app.bench.exact import Caller, revoke_under_load, saturate

TRIALS = int(os.environ.get("TOLLGATE_TRIALS", "0"))
HOST = {"workers": 4, "threads": 8} if TRIALS else {"workers": 2, "threads": 4}
CALLERS, WINDOWS = (64, TRIALS) if TRIALS else (8, 2)


@pytest.mark.parametrize("server", ["gthread", "granian"])
def test_two_hosts_with_several_workers_each_admit_exactly_the_limit(shared, host, fresh_key, server):
    ports = [host(shared, server=server, **HOST) for _ in range(2)]

    found = saturate(ports, fresh_key(shared), callers=CALLERS, windows=WINDOWS)
    click.echo(
        f"\n2 hosts × {HOST}, {server}: {found.admitted} admitted in {found.windows} windows of {found.limit}, {found.refused} refused"
    )

    assert found.exact, found
    assert found.refused > 0


@pytest.mark.parametrize("server", ["gthread", "granian"])
def test_one_worker_alone_admits_exactly_the_limit(embedded, host, fresh_key, server):
    found = saturate([host(embedded, server=server, threads=8)], fresh_key(embedded), callers=8, windows=WINDOWS)
    click.echo(
        f"\n1 worker × 8 threads, {server}: {found.admitted} admitted in {found.windows} windows of {found.limit}, {found.refused} refused"
    )

    assert found.exact, found
    assert found.refused > 0


def test_hosts_on_a_cluster_admit_exactly_the_limit_while_the_slot_moves_about(
    clustered, host, fresh_key, redis_cluster
):
    ports, key = [host(clustered, workers=2) for _ in range(2)], fresh_key(clustered)
    caller = Caller(ports[0], key)
    tag = f"tollgate:{{{caller.ask(peek=True)['entitlement']}}}"
    caller.close()
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(lambda: [redis_cluster.move(tag) for _ in iter(stop.is_set, True) if not stop.wait(0.2)])
        found = saturate(ports, key, callers=8, windows=1)
        stop.set()

    assert len(moving.result()) > 2
    assert found.exact, found


def test_a_revoked_key_is_refused_by_every_worker_of_every_host_at_once(shared, host, fresh_key):
    ports = [host(shared, **HOST) for _ in range(2)]
    late = [revoke_under_load(shared, ports, fresh_key(shared, "bench3"), callers=8) for _ in range(TRIALS or 1)]
    click.echo(
        f"\nlast request accepted after a revocation's answer: {[f'{seconds * 1000:.0f} ms' for seconds in late]}"
    )

    assert max(late) < 0.5


def test_without_redis_a_change_made_by_another_process_is_heard_within_a_second(embedded, host, fresh_key):
    assert revoke_under_load(embedded, [host(embedded)], fresh_key(embedded, "bench3"), callers=4) < 1.1
