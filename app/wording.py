"""Money and times as people read them, in a language. Babel knows the locales; sats it does not know."""

from datetime import datetime
from decimal import Decimal

from babel.core import Locale
from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal

from providers.money import digits

SATS = ("BTC", "SATS")


def money_text(amount: int, currency: str, *, locale: Locale | str) -> str:
    """1200 and USD as `$12.00`; 15000 and BTC as `15,000 sats`."""
    if currency.upper() in SATS:
        return f"{format_decimal(amount, locale=locale)}\N{NO-BREAK SPACE}sats"
    return format_currency(Decimal(amount).scaleb(-digits(currency)), currency, locale=locale)


def moment_text(value: datetime, *, locale: Locale | str) -> str:
    """A time in UTC, to the minute."""
    return f"{format_datetime(value, 'd MMMM y, HH:mm', locale=locale)} UTC"
