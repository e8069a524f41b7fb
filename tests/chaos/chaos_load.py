"""Requests without a pause, and what each was answered, when and how fast."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import requests


class Answer(NamedTuple):
    """`status` 0: the connection broke. `at`: monotonic seconds when it was asked; `seconds` until the answer was whole."""

    status: int
    at: float
    seconds: float


@dataclass
class Load:
    """The answers so far."""

    answers: list[Answer] = field(default_factory=list)

    def between(self, begin: float, end: float) -> list[Answer]:
        """Those asked for in that time."""
        return [answer for answer in self.answers if begin <= answer.at < end]

    def statuses(self, begin: float = 0.0, end: float = float("inf")) -> Counter[int]:
        """How often each status was the answer."""
        return Counter(answer.status for answer in self.between(begin, end))

    def slowest(self, begin: float = 0.0, end: float = float("inf")) -> float:
        """Seconds, but for one in a hundred: this machine has other things to do, too."""
        times = sorted(answer.seconds for answer in self.between(begin, end))
        return times[max(0, len(times) * 99 // 100 - 1)] if times else 0.0

    def first(self, status: int, since: float) -> float:
        """Seconds from then until that was answered first, or infinity."""
        return min(
            (
                answer.at + answer.seconds - since
                for answer in self.answers
                if answer.at > since and answer.status == status
            ),
            default=float("inf"),
        )


def ask(url: str, key: str, *, http: requests.Session | None = None, timeout: float = 10.0) -> Answer:
    """One request to the gate."""
    begun = time.monotonic()
    try:
        status = (http or requests).get(url, headers={"X-API-Key": key}, timeout=timeout).status_code
    except requests.RequestException:
        status = 0
    return Answer(status, begun, time.monotonic() - begun)


@contextmanager
def load(*asking: Callable[[], Answer], pause: float = 0.01) -> Iterator[Load]:
    """Each of them in a thread of its own, again and again, as long as the block lasts."""
    seen, stop = Load(), threading.Event()

    def work(once: Callable[[], Answer]) -> None:
        while not stop.wait(pause):
            seen.answers.append(once())

    threads = [threading.Thread(target=work, args=(once,)) for once in asking]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()
