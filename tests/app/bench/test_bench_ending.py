"""Whoever ends a measurement early finds nothing of it afterwards."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from redis_cluster import wait_until
from sqlalchemy import NullPool, create_engine, text

from app.bench.ground import redis_program

ROOT = Path(__file__).parents[3]
BENCH = ("app.cli", "bench", "--part", "gate", "--keys", "1000", "--seconds", "30", "--ground")
SERVED = 3  # processes: Redis, the server and its worker
pytestmark = pytest.mark.skipif(redis_program() is None, reason="not to be had: Redis")


@pytest.fixture
def measure(tmp_path):
    """Start it with its files below a folder of ours, wait until a server runs."""
    running = []

    def _measure(*words, **environ):
        environ |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
        process = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        running.append(process)
        wait_until(lambda: len(processes_in(tmp_path)) >= SERVED)
        return process

    yield _measure
    for process in running:
        process.kill()
        process.wait()
    for pid in processes_in(tmp_path):
        os.kill(pid, signal.SIGKILL)


def processes_in(folder):
    """Those whose working directory is, or was, below it."""
    return [
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cwd") if place_of(path).startswith(str(folder))
    ]


def place_of(path):
    with suppress(OSError):
        return str(path.readlink())
    return ""


@pytest.mark.parametrize(
    ("words", "how"),
    [
        ((*BENCH, "sqlite+redis"), signal.SIGTERM),
        ((*BENCH, "sqlite+redis"), signal.SIGHUP),
        (("app.bench.flood",), signal.SIGTERM),
    ],
    ids=["terminated", "hung up", "flood"],
)
def test_a_measurement_that_is_told_to_end_leaves_no_process_and_no_file(measure, tmp_path, words, how):
    process = measure(*words)
    process.send_signal(how)
    process.send_signal(how)  # as `timeout` does
    process.wait(30)

    assert (processes_in(tmp_path), [*tmp_path.iterdir()]) == ([], [])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_measurement_that_is_told_to_end_leaves_no_database(measure, postgresql_url, how):
    process = measure(*BENCH, "postgresql+redis", BENCH_DATABASE_URL=postgresql_url)
    process.send_signal(how)
    process.wait(30)

    with create_engine(postgresql_url, poolclass=NullPool).connect() as connection:
        left = text(f"SELECT count(*) FROM pg_database WHERE datname LIKE 'tollgate_bench_{process.pid}_%'")
        assert connection.execute(left).scalar_one() == 0
