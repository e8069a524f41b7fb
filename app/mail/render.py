"""A letter as text and as HTML, from one template: the words are the same, only their dress differs."""

import re
import textwrap
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.wording import moment_text, money_text

ROOM = Path(__file__).parents[1]
WIDTH = 72


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent."""

    subject: str
    text: str
    html: str


def render(name: str, language: str, facts: dict[str, Any]) -> Letter:
    """Raises jinja2.TemplateError for a letter that does not exist or a fact that is missing."""
    text, html = (_environment(dress, language).get_template(f"{name}.jinja") for dress in ("txt", "html"))
    subject = "".join(text.blocks["subject"](text.new_context(facts))).strip()
    plain = re.sub(r"\n{3,}", "\n\n", text.render(facts)).strip() + "\n"
    return Letter(subject, plain, html.render(facts))


class _Plain:
    """Paragraphs, facts and links for those who read text."""

    @staticmethod
    def paragraph(words: str) -> str:
        return f"\n{textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)}\n"

    @staticmethod
    def facts(pairs: list[tuple[str, str]]) -> str:
        return "\n" + "".join(f"{label}: {value}\n" for label, value in pairs if value)

    @staticmethod
    def link(label: str, url: str) -> str:
        return f"\n{label}:\n{url}\n"


class _Html:
    """The same in HTML; what is put in is escaped."""

    @staticmethod
    def paragraph(words: str) -> Markup:
        return Markup("<p>{}</p>\n").format(words)

    @staticmethod
    def facts(pairs: list[tuple[str, str]]) -> Markup:
        row = Markup('<tr><td style="padding-right:1em;color:#555">{}</td><td>{}</td></tr>\n')
        rows = [row.format(label, value) for label, value in pairs if value]
        return Markup("<table>\n{}</table>\n").format(Markup("").join(rows))

    @staticmethod
    def link(label: str, url: str) -> Markup:
        return Markup('<p><a href="{}">{}</a></p>\n').format(url, label)


@cache
def _environment(dress: str, language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOM / "templates/mail"),
        extensions=["jinja2.ext.i18n"],
        autoescape=dress == "html",  # noqa: S701 (the text is no HTML)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words: NullTranslations = Translations.load(ROOM / "translations", [language], domain="mail")
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    parts = _Html if dress == "html" else _Plain
    environment.globals |= {
        "layout": f"layout.{dress}.jinja",
        "language": language,
        "paragraph": parts.paragraph,
        "facts": parts.facts,
        "link": parts.link,
    }
    environment.filters |= {
        "money": lambda amount, currency: money_text(amount, currency, locale=language),
        "moment": lambda value: moment_text(value, locale=language) if isinstance(value, datetime) else "",
    }
    return environment
