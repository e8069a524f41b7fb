"""Whether limits are exact and revocations fast while several hosts are busy with one key.

Every admitted answer tells what it left of the window. In a window that was used up each number from limit - 1 down to 0 was
told exactly once, whoever admitted: so the answers themselves prove the count. Each also tells when its window turns, so those of
a window that had begun before, or began while the last were under way, are left out.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from math import ceil
from operator import itemgetter
from typing import Any

from app import keys
from app.bench.ground import SERVICE_TOKEN, Standing, settings_of
from app.factory import assemble

CLOCKS = 0.5  # seconds by which a server's clock may be behind ours
BUSY = 1.5  # seconds of load before the revocation
AFTER = 2.0  # and after it


@dataclass(frozen=True, slots=True)
class Exactness:
    """What `windows` whole windows of `limit` admitted and refused; `left` counts how often each remainder was told."""

    limit: int
    windows: int
    admitted: int
    refused: int
    left: Counter[int]

    @property
    def exact(self) -> bool:
        """Each window admitted its limit, no more and no less."""
        return self.left == Counter(dict.fromkeys(range(self.limit), self.windows))


class Caller:
    """One connection to a server, kept, that asks about one key."""

    def __init__(self, port: int, key: str) -> None:
        self._key = key
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._headers = {"Authorization": f"Bearer {SERVICE_TOKEN}", "Content-Type": "application/json"}

    def ask(self, **more: object) -> Any:
        """What verify answers."""
        self._connection.request("POST", "/v1/keys/verify", json.dumps({"key": self._key, **more}), self._headers)
        return json.loads(self._connection.getresponse().read())

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def saturate(ports: Sequence[int], key: str, *, callers: int, windows: int) -> Exactness:
    """Ask for one key on every port at once, through `windows` whole windows of its only limit, all on this machine."""
    everybody = [Caller(ports[n % len(ports)], key) for n in range(callers)]
    limit, length = itemgetter("limit", "window")(everybody[0].ask(peek=True)["limits"][0])
    begin = ceil(time.time() / length) * length  # the window that is under way may be too short to be used up
    end = begin + windows * length
    with ThreadPoolExecutor(callers) as threads:
        told = list(threads.map(lambda caller: _ask_until(caller, end), everybody))
    answers = [answer for turn, answer in chain.from_iterable(told) if begin < turn <= end]
    for caller in everybody:
        caller.close()
    left = Counter(answer["limits"][0]["remaining"] for answer in answers if answer["valid"])
    admitted = sum(left.values())
    return Exactness(limit, windows, admitted, len(answers) - admitted, left)


def revoke_under_load(standing: Standing, ports: Sequence[int], key: str, *, callers: int) -> float:
    """Seconds from the end of a revocation to the sending of the last request that was still accepted; at least 0."""
    tollgate = assemble(settings_of(standing.environ))
    accepted: list[float] = [0.0]
    stop = threading.Event()
    with ThreadPoolExecutor(callers) as threads:
        for n in range(callers):
            threads.submit(_keep_asking, Caller(ports[n % len(ports)], key), accepted, stop)
        time.sleep(BUSY)
        keys.revoke(tollgate, f"key_{key.split('_')[2]}", actor="bench")
        answered = time.monotonic()
        time.sleep(AFTER)
        stop.set()
    tollgate.db.engine.dispose()
    return max(0.0, max(accepted) - answered)


def turn_of(sent: float, reset: int, length: int) -> int:
    """When the window of an answer turns: a multiple of its length, `reset` seconds after the second in which it was counted,
    which no answer that took less than `length` - 1 - CLOCKS seconds leaves in doubt.
    """
    return ceil((int(sent - CLOCKS) + reset) / length) * length


def _ask_until(caller: Caller, end: float) -> list[tuple[int, Any]]:
    answers = []
    while (sent := time.time()) < end:
        answer = caller.ask()
        limit = answer["limits"][0]
        answers.append((turn_of(sent, limit["reset"], limit["window"]), answer))
    return answers


def _keep_asking(caller: Caller, accepted: list[float], stop: threading.Event) -> None:
    while not stop.is_set():
        sent = time.monotonic()
        if caller.ask()["valid"]:
            accepted.append(sent)
    caller.close()
