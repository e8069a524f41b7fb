"""English and French. Errors under /v1 stay English: programs read them."""

from datetime import datetime

from babel.dates import format_datetime
from babel.numbers import format_decimal
from flask import Flask, request, session
from flask_babel import Babel, get_locale, ngettext
from flask_babel import gettext as _

from app.web.money import money_text

LANGUAGES = {"en": "English", "fr": "Français"}


def init_app(app: Flask) -> None:
    """Translations from app/translations, and the words that templates need."""
    Babel(app, locale_selector=language, default_translation_directories="translations")
    app.jinja_env.filters.update(money=money_text, moment=moment, number=number, rate=rate_text)
    app.context_processor(lambda: {"languages": LANGUAGES, "language": language()})


def language() -> str:
    """What the reader chose, else what the browser prefers, else English."""
    chosen = request.args.get("lang") or session.get("lang")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(list(LANGUAGES)) or "en"


def remember_language() -> None:
    """Keep a choice made by ?lang= for the rest of the visit."""
    if request.args.get("lang") in LANGUAGES:
        session["lang"] = request.args["lang"]


def moment(value: datetime) -> str:
    """A time as people read it, in UTC."""
    return f"{format_datetime(value, 'd MMMM y, HH:mm', locale=get_locale())} UTC"


def number(value: int) -> str:
    """`10,000`, as the reader's language groups it."""
    return format_decimal(value, locale=get_locale())


def rate_text(limit: int, window: int) -> str:
    """`600 requests per minute`."""
    counted = ngettext("%(shown)s request", "%(shown)s requests", limit, shown=number(limit))
    per = {1: _("per second"), 60: _("per minute"), 3600: _("per hour"), 86400: _("per day")}
    other = _("per %(count)s seconds", count=window)
    return f"{counted} {per.get(window, other)}"
