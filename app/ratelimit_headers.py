"""How limits look on the wire: RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers), X-RateLimit-* for older clients.

The draft has changed its syntax more than once; when it does again, only this file follows. PURE.
"""

from functools import lru_cache

from keystore.plans import Allowance, Count


def headers_of(count: Count) -> dict[str, str]:
    """The headers for one judged request; none for an unlimited plan. Times are seconds from now."""
    limits = limits_of(count)
    if not limits:
        return {}
    tightest = min(limits, key=lambda item: (item.remaining, -item.reset))
    headers = {
        "RateLimit-Policy": ", ".join([f"{_quoted(item.name)};q={item.limit};w={item.window}" for item in limits]),
        "RateLimit": ", ".join([f"{_quoted(item.name)};r={item.remaining};t={item.reset}" for item in limits]),
        "X-RateLimit-Limit": str(tightest.limit),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": str(tightest.reset),
    }
    return headers if count.admitted else {**headers, "Retry-After": str(_wait(count))}


def limits_of(count: Count) -> tuple[Allowance, ...]:
    """The windows and, where there is one, the quota."""
    return (*count.allowances, count.quota) if count.quota else count.allowances


def _wait(count: Count) -> int:
    """Seconds until every limit that was reached has room again."""
    return max((item.reset for item in limits_of(count) if item.name in count.refused), default=1) or 1


@lru_cache(maxsize=256)
def _quoted(name: str) -> str:
    """A structured-field string (RFC 9651)."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
