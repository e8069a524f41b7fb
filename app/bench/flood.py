"""What a payer notices of a flood of refused keys: `python -m app.bench.flood`.

One connection asks with a paid key two hundred times a second; others flood the same worker as fast as they are answered. In
turns: no flood, each kind of flood, and the same flood with keys that are paid, to compare with.
"""

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import click

from app.bench.asking import Requests, ask, ask_for_ever
from app.bench.cases import PLAN, Ground, Program
from app.bench.ground import LOAD_CORE, SERVICE_TOKEN, pin, stand
from app.bench.running import Server
from app.cli.common import table
from app.cli.demo_processes import interruptible
from keystore import generate

PACE = 0.005  # seconds between two requests of the payer
KEYS = 2_000  # of each kind, asked about in turn


def kinds(paid: list[str]) -> dict[str, Requests]:
    """The requests of each flood."""
    unknown = [generate("test", prefix="tg", seed=os.urandom(32))[1].reveal() for _ in range(KEYS)]
    return {
        "no flood": [],
        "malformed keys": [_gated(f"tg_test_{n}") for n in range(KEYS)],
        "unknown keys": [_gated(key) for key in unknown],
        "unknown keys, each on a new connection": [_gated(key, more="Connection: close\r\n") for key in unknown],
        "unknown keys at /v1/authz": [_gated(key, path="/v1/authz") for key in unknown],
        "wrong service tokens": [_verify(f"{SERVICE_TOKEN[:-6]}{n:06}") for n in range(KEYS)],
        "paid keys": [_gated(key) for key in paid],
    }


def _gated(key: str, *, path: str = "/hello", more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n{more}\r\n".encode()


def _verify(token: str) -> bytes:
    head = f"POST /v1/keys/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode()


@contextmanager
def flooding(port: int, requests: Requests, connections: int) -> Iterator[Callable[[], int]]:
    """Another process asks all the time, on so many connections. Gives a function that tells how often so far."""
    context = get_context("spawn")
    asked = context.Value("q", 0)
    if not requests:
        yield lambda: 0
        return
    process = context.Process(target=ask_for_ever, args=(port, requests, connections, asked), daemon=True)
    process.start()
    pin(process.pid or 0, LOAD_CORE)
    try:
        while not asked.value:
            time.sleep(0.01)
        yield lambda: int(asked.value)
    finally:
        process.kill()
        process.join()


def paying(port: int, requests: Requests, *, seconds: float) -> list[float]:
    """How long each answer took, in milliseconds, sorted. Raises ClickException when a payer is refused."""
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begun = time.perf_counter()
        for number, request in enumerate(cycle(requests)):
            if (due := begun + number * PACE) > begun + seconds:
                return sorted(times)
            time.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            head = ask(connection, request)
            times.append((time.perf_counter() - sent) * 1e3)
            if not head.startswith(b"HTTP/1.1 200"):
                raise click.ClickException(f"a payer was answered {head[:40]!r}")
    return sorted(times)


@click.command()
@click.option("--server", type=click.Choice(["gthread", "granian"]), default="gthread", help="Which server.")
@click.option("--rounds", type=click.IntRange(1, 50), default=5, help="Turns of each kind. Default 5.")
@click.option("--seconds", type=click.FloatRange(0.1, 60), default=3, help="Length of a turn. Default 3.")
@click.option("--connections", type=click.IntRange(1, 500), default=16, help="Of the flood. Default 16.")
def command(*, server: str, rounds: int, seconds: float, connections: int) -> None:
    """Measure a payer's p50 and p99 beside floods of refused keys."""
    ground = Ground("sqlite", "redis", keys=100)
    with ExitStack() as stack:
        stack.enter_context(interruptible())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-flood-")))
        standing = stack.enter_context(stand(ground, folder))
        running = Server(Program("tollgate", server, ground), standing, folder)
        stack.callback(running.stop)
        keys = standing.key_files[f"{PLAN}3"].read_text().split()
        _measure(running.port, keys, rounds=rounds, seconds=seconds, connections=connections)


def _measure(port: int, paid: list[str], *, rounds: int, seconds: float, connections: int) -> None:
    payers = [_gated(key) for key in paid[:50]]
    paying(port, payers, seconds=0.2)
    floods = kinds(paid[50:])
    seen: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in floods}
    with click.progressbar(length=rounds * len(floods), label="measuring") as bar:
        for _ in range(rounds):
            for kind, requests in floods.items():
                with flooding(port, requests, connections) as asked:
                    before = asked()
                    times = paying(port, payers, seconds=seconds)
                    rate = (asked() - before) / seconds
                seen[kind].append((times[len(times) // 2], times[len(times) * 99 // 100], rate))
                bar.update(1)
    calm = median(p99 for _, p99, _ in seen["no flood"])
    rows = []
    for kind, samples in seen.items():
        p50, p99, rate = (median(sample[n] for sample in samples) for n in range(3))
        rows.append((kind, f"{p50:.2f}", f"{p99:.2f}", f"{p99 / calm:.2f}", f"{rate:.0f}"))
    table(("flood", "payer's p50 ms", "p99 ms", "of calm p99", "flood /s"), rows)


if __name__ == "__main__":
    command()
