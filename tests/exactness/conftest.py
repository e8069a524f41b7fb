"""Whole servers, several of them on the same stores, as on several hosts."""

from contextlib import ExitStack
from dataclasses import replace
from itertools import count

import pytest

from app.bench.cases import Ground, Program
from app.bench.ground import redis_program, stand
from app.bench.running import Server

SHARED = Ground("sqlite", "redis", keys=25)
ALONE = Ground("sqlite", "memory", keys=25)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A database and a Redis for several hosts."""
    if redis_program() is None:
        pytest.skip("not to be had: Redis")
    with stand(SHARED, tmp_path_factory.mktemp("shared")) as standing:
        # A busy machine may stop for longer than the gate waits, and shares are another proof's: tests/exactness/test_outage_granian.py
        patient = {"REDIS_URL": f"{standing.environ['REDIS_URL']}?socket_timeout=5"}
        yield replace(standing, environ=standing.environ | patient)


@pytest.fixture(scope="session")
def clustered(shared, redis_cluster):
    """The same database, and counters in a Redis Cluster."""
    return replace(shared, environ=shared.environ | {"REDIS_URL": redis_cluster.url})


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    """A database, and counters in the memory of the one worker."""
    with stand(ALONE, tmp_path_factory.mktemp("embedded")) as standing:
        yield standing


@pytest.fixture
def host(tmp_path):
    """Start a server; its port. All of them stop after the test."""
    numbers = count()
    with ExitStack() as running:

        def _host(standing, *, server="gthread", workers=1, threads=4):
            folder = tmp_path / f"host-{next(numbers)}"
            folder.mkdir()
            started = Server(Program("tollgate", server, SHARED, workers, threads), standing, folder)
            running.callback(started.stop)
            return started.port

        yield _host


@pytest.fixture
def fresh_key():
    """A key that nobody has used yet."""

    def _fresh_key(standing, plan="exact"):
        path = standing.key_files[plan]
        first, *rest = path.read_text().split()
        path.write_text("\n".join(rest))
        return first

    return _fresh_key
