"""Money in the reader's language."""

from flask_babel import get_locale

from app import wording


def money_text(amount: int, currency: str) -> str:
    """1200 and USD as `$12.00`; 15000 and BTC as `15,000 sats`."""
    return wording.money_text(amount, currency, locale=get_locale() or "en")
