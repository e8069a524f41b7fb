"""Keys and service tokens that were refused, by the address they came from: who sends many is slowed down, then told to wait.

Only refusals are counted and only refusals change: a key that works passes from the same address as ever, for many people may
share one. Each process counts for itself.
"""

from collections.abc import Callable, Iterable
from wsgiref.types import WSGIEnvironment

from app.decision import Decision, Outcome
from app.servers import resting
from app.web.client_address import bucket, client_address
from keystore.limits import MemoryCounter
from keystore.limits.memory import steady_time
from keystore.plans import Count, Rate

RATE = Rate("refused-keys", 600, 60)  # whole companies share an address
AT_ONCE = 60  # of these; the others may wait
MOST_REFUSED = 50_000  # refusals, so addresses at most, that are remembered; then counting begins anew
REFUSED = (Outcome.INVALID_KEY, Outcome.REVOKED_KEY)  # not those that only need to be paid, or to be sent
DETAIL = "Too many keys or tokens from this address were refused in this minute. Those that work still pass."


class RefusedKeys:
    """One per app. Thread-safe. `trusted`: proxies whose X-Forwarded-For is believed."""

    def __init__(
        self,
        trusted: Iterable[str],
        *,
        rate: Rate = RATE,
        clock: Callable[[], float] = steady_time,
        most: int = MOST_REFUSED,
    ) -> None:
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
        (allowance,) = count.allowances
        if not count.admitted or allowance.remaining < allowance.limit - AT_ONCE:
            environ[resting.MAY_WAIT] = True
        return None if count.admitted else count

    def _begin(self) -> None:
        self._counter, self._since = MemoryCounter(self._clock), 0
