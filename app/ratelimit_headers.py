"""How limits look on the wire: RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers), X-RateLimit-* for older clients.

The draft has changed its syntax more than once; when it does again, only this file follows. PURE.
"""

from functools import lru_cache
from itertools import chain

from keystore.plans import QUOTA, Allowance, Count, Rate


def headers_of(count: Count) -> dict[str, str]:
    """The headers for one judged request; none for an unlimited plan. Times are seconds from now."""
    rates, remaining, resets = count.rates, count.remaining, count.resets
    if quota := count.quota:
        rates = (*rates, Rate(QUOTA, quota.limit, quota.window))
        remaining, resets = (*remaining, quota.remaining), (*resets, quota.reset)
    if not rates:
        return {}
    policy, pattern, limits = _wording(rates)
    least, sooner, limit = min(zip(remaining, [-reset for reset in resets], limits, strict=True))
    headers = {
        "RateLimit-Policy": policy,
        "RateLimit": pattern % (*chain.from_iterable(zip(remaining, resets, strict=True)),),
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(least),
        "X-RateLimit-Reset": str(-sooner),
    }
    return headers if count.admitted else {**headers, "Retry-After": str(_wait(count))}


def limits_of(count: Count) -> tuple[Allowance, ...]:
    """The windows and, where there is one, the quota."""
    return (*count.allowances, count.quota) if count.quota else count.allowances


def _wait(count: Count) -> int:
    """Seconds until every limit that was reached has room again."""
    return max((item.reset for item in limits_of(count) if item.name in count.refused), default=1) or 1


@lru_cache(maxsize=1024)
def _wording(rates: tuple[Rate, ...]) -> tuple[str, str, tuple[int, ...]]:
    """What stays the same from one request to the next: RateLimit-Policy, RateLimit with gaps for the numbers, the limits."""
    policy = ", ".join(f"{_quoted(rate.name)};q={rate.limit};w={rate.window}" for rate in rates)
    pattern = ", ".join(f"{_quoted(rate.name).replace('%', '%%')};r=%d;t=%d" for rate in rates)
    return policy, pattern, tuple(rate.limit for rate in rates)


def _quoted(name: str) -> str:
    """A structured-field string (RFC 9651)."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
