"""Decimal text to minor units and back. Never floats."""

from decimal import ROUND_DOWN, Decimal, DecimalException
from typing import Any, Final

from providers.events import Money

_NONE: Final = frozenset({
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "SATS", "VND", "VUV", "XAF", "XOF", "XPF",
})  # fmt: skip
_THREE: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
# ISK and UGX have no digits either, but Stripe counts them in hundredths, and one amount must mean the same on both rails


def digits(currency: str) -> int:
    """How many digits the currency has behind the point; BTC counts sats."""
    code = currency.upper()
    if code == "BTC":
        return 8
    return 0 if code in _NONE else 3 if code in _THREE else 2


def from_decimal(value: Any, currency: Any, *, rounding: str = ROUND_DOWN) -> Money | None:
    """2990 cents from "29.90" and "USD"; None when that is no amount. What is finer than a minor unit is rounded."""
    if isinstance(value, bool | float) or not isinstance(currency, str) or not currency:
        return None
    try:
        amount = Decimal(value).scaleb(digits(currency)).to_integral_value(rounding)
        return Money(int(amount), currency.upper()) if abs(amount) < 10**18 else None
    except (DecimalException, OverflowError, TypeError, ValueError):
        return None


def to_decimal(money: Money) -> str:
    """The text "29.90" from 2990 cents."""
    return f"{Decimal(money.amount).scaleb(-digits(money.currency)):f}"
