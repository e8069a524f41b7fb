"""Requests as fast as a server answers them, on a few connections: by wrk where it is installed, else by a loop of our own."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from app.bench.cases import CONNECTIONS
from app.bench.ground import LOAD_CORE, SERVICE_TOKEN, pin

TOUCH_SECONDS = 60.0
MOST_REQUESTS = 100_000  # kept ready-made, one per key
MOVES_AFTER = 53  # requests of all connections; it shares no divisor with their number, so all of them have a turn
CLOSE = "Connection: close"

_WRK = """
local requests, n = {}, tonumber(os.getenv("BENCH_START"))
for line in io.lines(os.getenv("BENCH_REQUESTS")) do requests[#requests + 1] = line:gsub("\\\\r\\\\n", "\\r\\n") end
request = function() n = n % #requests + 1; return requests[n] end
done = function(summary, latency, _)
  local e = summary.errors
  print(string.format('BENCH{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"failed":%d}', summary.requests,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a loader saw. Times in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests as they go over the wire, one per active key, one a line with its line ends written out."""

    path: Path
    amount: int


def prepare(path: Path, *, what: str, keys: Path, active: int, moving: bool = False) -> Requests:
    """Write the requests of a case. `moving`: each connection is given up now and then, so that no worker has the most of them for good."""
    with keys.open() as lines:
        texts = [line.strip() for line in islice(lines, min(active, MOST_REQUESTS))]
    if moving:
        texts = list(islice(cycle(texts), max(len(texts), MOVES_AFTER)))
    ready = (
        _request(what, text, *([CLOSE] if moving and number % MOVES_AFTER == 0 else [])).replace("\r\n", r"\r\n")
        for number, text in enumerate(texts, 1)
    )
    path.write_text("".join(f"{request}\n" for request in ready))
    return Requests(path, len(texts))


def _request(what: str, key: str, *more: str) -> str:
    if what == "verify":
        body = json.dumps({"key": key}, separators=(",", ":"))
        return _lines(
            "POST /v1/keys/verify",
            f"Authorization: Bearer {SERVICE_TOKEN}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *more,
            body=body,
        )
    return _lines(f"GET {'/v1/authz' if what == 'authz' else '/hello'}", f"X-API-Key: {key}", *more)


def _lines(first: str, *headers: str, body: str = "") -> str:
    return "\r\n".join([f"{first} HTTP/1.1", "Host: 127.0.0.1", *headers, "", body])


def run(port: int, requests: Requests, *, seconds: float, start: int = 0, connections: int = CONNECTIONS) -> Load:
    """Load the server on `port` for so long, from another core than a single worker's; begin with request number `start`."""
    start %= requests.amount
    if shutil.which("wrk") is None:
        return asyncio.run(_own(port, islice(cycle(_lines_of(requests)), start, None), seconds, connections))
    script = requests.path.with_name("load.lua")
    script.write_text(_WRK)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script)]
    with subprocess.Popen(  # noqa: S603 (nothing of a user's in it)
        [*command, f"http://127.0.0.1:{port}"],
        env={**os.environ, "BENCH_REQUESTS": str(requests.path), "BENCH_START": str(start)},
        stdout=subprocess.PIPE,
    ) as process:
        try:
            pin(process.pid, LOAD_CORE)
            output = process.communicate()[0].decode()
        finally:
            process.kill()  # one that has ended does not mind
    return Load(**json.loads(output.partition("BENCH")[2]))


def touch(port: int, requests: Requests) -> None:
    """Send each request once."""
    asyncio.run(_own(port, iter(_lines_of(requests)), TOUCH_SECONDS))


def _lines_of(requests: Requests) -> list[bytes]:
    return [line.replace(r"\r\n", "\r\n").encode() for line in requests.path.read_text().splitlines()]


async def _own(port: int, waiting: Iterator[bytes], seconds: float, connections: int = CONNECTIONS) -> Load:
    """Slower than wrk, so it measures itself as well; good enough for ratios of processor time."""
    times: list[float] = []
    failed = 0
    started = time.perf_counter()

    async def on_one_connection() -> bool:
        """Whether it ended before its time."""
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            for request in waiting:  # one after the other is taken by whichever connection is free
                sent = time.perf_counter()
                if sent > started + seconds:
                    return False
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                times.append((time.perf_counter() - sent) * 1e3)
                failed += not head.startswith(b"http/1.1 2")
                if b"\r\nconnection: close" in head:
                    return True
        return False

    async def caller() -> None:
        while await on_one_connection():
            pass

    await asyncio.gather(*(caller() for _ in range(connections)))
    times.sort()
    half, nearly = times[len(times) // 2], times[len(times) * 99 // 100]
    return Load(len(times), time.perf_counter() - started, half, nearly, failed)
