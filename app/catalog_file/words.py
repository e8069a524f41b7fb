"""The little words of the catalogue: "600/minute", "50000 per period", "30 days", "12.00". PURE; ValueError says what is wrong."""

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import cache

from babel.core import get_global

from keystore.plans import Quota, Rate
from providers import money
from providers.events import Money

MOST_REQUESTS = 1_000_000_000
LONGEST_WINDOW = 86_400  # seconds; what is longer is a quota, which survives a restart
LONGEST_TERM = timedelta(days=3660)
MOST_MINOR_UNITS = 2**31 - 1  # what a column of amounts holds
_SECONDS = {
    "second": 1,
    "s": 1,
    "minute": 60,
    "min": 60,
    "hour": 3_600,
    "h": 3_600,
    "day": 86_400,
    "d": 86_400,
    "week": 604_800,
}
_RATE = re.compile(r"(-?\d+)\s*(?:/|\bper\b)\s*(\d*)\s*([a-z]+)")
_QUOTA = re.compile(r"(-?\d+)\s*per\s*period")
_TERM = re.compile(r"(\d+)\s*([a-z]+)")


def rate(name: str, text: str) -> Rate:
    """`600/minute`, `50/10s`, `10 per second`."""
    match = _RATE.fullmatch(text.strip().lower())
    unit = _unit(match[3]) if match else None
    if match is None or unit is None or unit > LONGEST_WINDOW:
        raise ValueError("is no rate: write it like 600/minute or 50/10s, with second, minute, hour or day")
    window = int(match[2] or 1) * unit
    if not 1 <= window <= LONGEST_WINDOW:
        raise ValueError("has a window of no time or of more than a day; for longer, use a quota")
    return Rate(name, _amount(match[1]), window)


def quota(text: str) -> Quota:
    """`50000 per period`."""
    match = _QUOTA.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError('is no quota: write it like "50000 per period"')
    return Quota(_amount(match[1]))


def term(text: str) -> timedelta:
    """`30 days`, `12 hours`. Months and years differ in length and are not taken."""
    match = _TERM.fullmatch(text.strip().lower())
    unit = _unit(match[2]) if match else None
    if match is None or unit is None:
        raise ValueError('is no term: write it like "30 days" (months and years differ in length, so count days)')
    # as numbers first: timedelta itself overflows on absurd ones
    if not 0 < int(match[1]) * unit <= LONGEST_TERM.total_seconds():
        raise ValueError("is no time at all, or more than ten years")
    return timedelta(seconds=int(match[1]) * unit)


def price(amount: str, currency: str) -> Money:
    """`12.00` and `USD` to 1200 cents, exactly."""
    if not is_currency(currency):
        raise ValueError("has a currency nobody knows: write an ISO code such as USD, or SATS")
    try:
        wanted = Decimal(amount)
    except InvalidOperation:
        raise ValueError('is no amount: write it like "12.00"') from None
    found = money.from_decimal(amount, currency)
    if found is None or not wanted.is_finite() or not wanted > 0 or found.amount > MOST_MINOR_UNITS:
        raise ValueError("must be more than nothing and less than absurd")
    if Decimal(money.to_decimal(found)) != wanted:
        raise ValueError(f"has more decimals than {currency.upper()} knows ({money.digits(currency)})")
    return found


def is_currency(code: str) -> bool:
    """A current ISO code, BTC or SATS."""
    return code.upper() in _currencies()


@cache
def _currencies() -> frozenset[str]:
    territories = get_global("territory_currencies").values()
    current = {code for entries in territories for code, _start, end, tender in entries if end is None and tender}
    return frozenset(current | {"BTC", "SATS"})


def _unit(word: str) -> int | None:
    return _SECONDS.get(word) or _SECONDS.get(word.removesuffix("s"))


def _amount(digits: str) -> int:
    number = int(digits) if len(digits) < 20 else MOST_REQUESTS + 1
    if not 1 <= number <= MOST_REQUESTS:
        raise ValueError(f"must allow between 1 and {MOST_REQUESTS} requests")
    return number
