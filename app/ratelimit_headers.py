"""How limits look on the wire: RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers), X-RateLimit-* for older clients.

The draft has changed its syntax more than once; when it does again, only this file follows. PURE.
"""

from collections.abc import Sequence
from functools import lru_cache

from keystore.plans import QUOTA, Count, Rate


def headers_of(count: Count) -> dict[str, str]:
    """The headers for one judged request; none for an unlimited plan. Times are seconds from now."""
    rates, states = count.rates, count.states
    if quota := count.quota:
        rates, states = (*rates, Rate(QUOTA, quota.limit, quota.window)), (*states, quota.remaining, quota.reset)
    if not rates:
        return {}
    policy, pattern, limits = _wording(rates)
    tightest = _tightest(states)
    headers = {
        "RateLimit-Policy": policy,
        "RateLimit": pattern % (*states,),
        "X-RateLimit-Limit": limits[tightest // 2],
        "X-RateLimit-Remaining": str(states[tightest]),
        "X-RateLimit-Reset": str(states[tightest + 1]),
    }
    return headers if count.admitted else {**headers, "Retry-After": str(_wait(count))}


def _wait(count: Count) -> int:
    """Seconds until every limit that was reached has room again."""
    return max((item.reset for item in count.limits if item.name in count.refused), default=1) or 1


def _tightest(states: Sequence[int]) -> int:
    """Where the limit with the least left begins; of several the one that resets last."""
    tightest = 0
    for place in range(2, len(states), 2):
        less = states[place] - states[tightest]
        if less < 0 or (less == 0 and states[place + 1] > states[tightest + 1]):
            tightest = place
    return tightest


@lru_cache(maxsize=1024)
def _wording(rates: tuple[Rate, ...]) -> tuple[str, str, tuple[str, ...]]:
    """What stays the same from one request to the next: RateLimit-Policy, RateLimit with gaps for the numbers, the limits."""
    policy = ", ".join(f"{_quoted(rate.name)};q={rate.limit};w={rate.window}" for rate in rates)
    pattern = ", ".join(f"{_quoted(rate.name).replace('%', '%%')};r=%d;t=%d" for rate in rates)
    return policy, pattern, tuple(str(rate.limit) for rate in rates)


def _quoted(name: str) -> str:
    """A structured-field string (RFC 9651)."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
