"""Keys and service tokens that were refused, by the address they came from: who sends many is told to wait.

Only refusals are counted and only refusals change: a key that works passes from the same address as ever, for many people may
share one. Each process counts for itself.

What is refused then is answered slowly while the process has nearly nothing else in hand, and by one thread only: a flood on
one connection gets no further than that, and those who pay hardly notice it. No queue ever waits for it.
"""

import time
from collections.abc import Callable, Collection, Iterable
from threading import Lock
from wsgiref.types import WSGIEnvironment

from app.decision import Decision, Outcome
from app.web.client_address import bucket, client_address
from keystore.limits import MemoryCounter
from keystore.limits.memory import steady_time
from keystore.plans import Count, Rate

RATE = Rate("refused-keys", 600, 60)  # whole companies share an address
MOST_REFUSED = 50_000  # refusals, so addresses at most, that are remembered; then counting begins anew
REFUSED = (Outcome.INVALID_KEY, Outcome.REVOKED_KEY)  # not those that only need to be paid
PAUSE = 0.05  # seconds
FEW = 2  # requests in hand, the refused one among them
DETAIL = "Too many keys or tokens from this address were refused in this minute. Those that work still pass."


class RefusedKeys:
    """One per app. Thread-safe. `trusted`: proxies whose X-Forwarded-For is believed. `in_hand`: of the requests at this moment,
    something for each; None where nobody may be made to wait.
    """

    def __init__(
        self,
        trusted: Iterable[str],
        *,
        rate: Rate = RATE,
        clock: Callable[[], float] = steady_time,
        most: int = MOST_REFUSED,
        in_hand: Collection[int] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._in_hand, self._waiting, self._sleep = in_hand, Lock(), sleep
        self._trusted, self._rates = tuple(trusted), (rate,)
        self._clock, self._most = clock, most
        self._begin()

    def told(self, decision: Decision, environ: WSGIEnvironment) -> Decision:
        """What a refused request is answered: the refusal itself, or that there were too many."""
        count = self.too_many(environ) if decision.outcome in REFUSED else None
        return decision._replace(outcome=Outcome.RATE_LIMITED, count=count, detail=DETAIL) if count else decision

    def too_many(self, environ: WSGIEnvironment) -> Count | None:
        """Count one refusal; what to tell an address that had its share."""
        if self._since >= self._most:
            self._begin()
        self._since += 1
        here = client_address(environ.get("REMOTE_ADDR"), environ.get("HTTP_X_FORWARDED_FOR"), self._trusted)
        count = self._counter.count(bucket(here), self._rates)
        if count.admitted:
            return None
        if environ.get("wsgi.multithread"):  # else the whole server would wait
            self._wait()
        return count

    def _wait(self) -> None:
        if self._in_hand is None or len(self._in_hand) > FEW or not self._waiting.acquire(blocking=False):
            return
        try:
            self._sleep(PAUSE)
        finally:
            self._waiting.release()

    def _begin(self) -> None:
        self._counter, self._since = MemoryCounter(self._clock), 0
