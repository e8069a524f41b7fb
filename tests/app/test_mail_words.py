"""Letters are whole in both languages, and what buyers write into them stays text."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import app
from app.mail.contents import CONTENTS
from app.mail.letters import language_of
from app.mail.render import render

ROOM = Path(app.__file__).parent
FRENCH = ROOM / "translations/fr/LC_MESSAGES"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
URL = "https://pay.example/x"
FACTS = {
    "site": "https://pay.example",
    "plan": "<b>Pro</b>",
    "amount": 120050,
    "currency": "EUR",
    "paid_at": NOW,
    "ends_at": NOW,
    "works_until": NOW,
    "expires_at": NOW,
    "renewal": False,
    "days": 7,
    "order": "ord_1",
    "order_url": URL,
    "docs_url": URL,
    "stranger_url": URL,
    "links": [("<b>Pro</b>", URL)],
    "code": "overpaid",
    "detail": "more than the price arrived",
    "endpoint": "whe_1",
    "url": URL,
    "why": "it answered 410 Gone",
}


@pytest.fixture(scope="module")
def asked():
    with (ROOM / "translations/mail.cfg").open() as file:
        mapping, options = parse_mapping_cfg(file)[:2]
    return {message for *_, message, _, _ in extract_from_dir(ROOM, mapping, options)}


@pytest.fixture(scope="module")
def french():
    with (FRENCH / "mail.po").open("rb") as file:
        return {message.id: message.string for message in read_po(file) if message.id}


def test_every_text_is_translated_and_nothing_else(asked, french):
    assert set(french) == asked
    assert all(all(text) if isinstance(text, tuple) else text for text in french.values())


def test_every_translation_keeps_its_place_holders(french):
    flat = {str(key): str(value) for key, value in french.items()}
    lost = [
        key for key, text in flat.items() if set(re.findall(r"%\(\w+\)s", key)) != set(re.findall(r"%\(\w+\)s", text))
    ]
    assert lost == []


def test_the_translation_is_compiled(french):
    with (FRENCH / "mail.mo").open("rb") as file:
        compiled = {str(message.string).strip("[]()") for message in read_mo(file) if message.id}
    assert compiled == {str(text).strip("()") for text in french.values()}


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("letter", CONTENTS)
def test_every_letter_can_be_written(letter, language):
    written = render(letter, language, FACTS)
    assert written.subject
    assert URL in written.text or letter == "attention"


@pytest.mark.parametrize("letter", CONTENTS)
def test_what_comes_from_outside_is_escaped(letter):
    assert "<b>" not in render(letter, "en", FACTS).html


def test_text_is_not_escaped():
    assert "<b>Pro</b>" in render("receipt", "en", FACTS).text


def test_money_and_dates_are_written_as_in_the_language():
    text = render("receipt", "fr", FACTS).text
    assert "1\N{NARROW NO-BREAK SPACE}200,50\N{NO-BREAK SPACE}€" in text
    assert "21 novembre 2026" in text


@pytest.mark.parametrize(
    ("locale", "language"), [("fr", "fr"), ("fr-CA", "fr"), ("FR_be", "fr"), ("de", "en"), (None, "en"), ("", "en")]
)
def test_the_nearest_language_is_chosen(locale, language):
    assert language_of(locale) == language
