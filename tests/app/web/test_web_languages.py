"""English and French, complete."""

import hashlib
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import app
from app.web.fields import checked_email
from app.web.languages import rate_text
from app.web.money import money_text

ROOT = Path(app.__file__).parent
FRENCH = ROOT / "translations/fr/LC_MESSAGES"
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}


def as_one(message):
    """Plural messages are known by their singular."""
    return message if isinstance(message, str) else message[0]


@pytest.fixture(scope="module")
def asked():
    """Every text that templates and code ask for."""
    with (ROOT / "translations/babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, keywords=KEYWORDS)
    return {as_one(message) for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def french():
    """What a translator wrote."""
    with (FRENCH / "messages.po").open("rb") as file:
        return {as_one(message.id): message for message in read_po(file, locale="fr") if message.id}


def test_every_text_is_translated(asked, french):
    assert asked == {text for text, message in french.items() if all(message.string) and not message.fuzzy}


def test_every_translation_keeps_its_place_holders(french):
    def holes(text):
        return sorted(re.findall(r"%\(\w+\)s", " ".join(text) if isinstance(text, tuple) else text))

    wrong = [text for text, message in french.items() if set(holes(message.id)) != set(holes(message.string))]
    assert wrong == []


def test_the_compiled_file_is_up_to_date(french):
    with (FRENCH / "messages.mo").open("rb") as file:
        compiled = {as_one(message.id): list(message.string) for message in read_mo(file) if message.id}
    assert compiled == {text: list(message.string) for text, message in french.items()}


@pytest.mark.parametrize(
    ("header", "words"),
    [("fr-CH, fr;q=0.9, en;q=0.8", "Choisissez"), ("en", "Choose"), ("de", "Choose"), ("", "Choose")],
)
def test_the_browsers_language_is_followed(client, header, words):
    assert words in client.get("/", headers={"Accept-Language": header}).text


def test_a_choice_lasts_for_the_visit(client):
    client.get("/?lang=fr")
    assert '<html lang="fr">' in client.get("/").text


def test_the_other_language_is_a_working_link_even_after_a_form(client):
    page = client.post("/buy", headers={"Accept": "text/html"}).text
    assert 'href="/?lang=fr"' in page


def test_a_language_we_do_not_have_changes_nothing(client):
    assert '<html lang="en">' in client.get("/?lang=xx").text


def test_the_api_leaves_no_cookie(client):
    assert "Set-Cookie" not in client.get("/v1/plans?lang=fr").headers


def test_waiting_times_follow_the_language(client):
    offer = client.get("/v1/plans", headers={"Accept-Language": "fr"}).json["data"][0]["offers"][0]
    assert offer["label"] == "Carte"


@pytest.mark.parametrize(
    ("language", "amount", "currency", "text"),
    [
        ("en", 1200, "USD", "$12.00"), ("fr", 1200, "USD", "12,00 $US"), ("en", 2999, "EUR", "€29.99"), ("en", 500, "JPY", "¥500"),
        ("en", 1500, "KWD", "KWD1.500"), ("en", 15_000, "BTC", "15,000 sats"), ("fr", 15_000, "SATS", "15 000 sats"),
    ],
)  # fmt: skip
def test_money_reads_as_people_write_it(web, language, amount, currency, text):
    with web.test_request_context(headers={"Accept-Language": language}):
        assert re.sub(r"\s", " ", money_text(amount, currency)) == text


@pytest.mark.parametrize(
    ("limit", "window", "text"),
    [
        (600, 60, "600 requests per minute"),
        (1, 1, "1 request per second"),
        (10_000, 10, "10,000 requests per 10 seconds"),
    ],
)
def test_rates_read_as_people_say_them(web, limit, window, text):
    with web.test_request_context(headers={"Accept-Language": "en"}):
        assert rate_text(limit, window) == text


@pytest.mark.parametrize("address", ["ada@example.com", "ada.l+tag@mail.example.co.uk", "x@y.io", "müller@example.com"])
def test_addresses_people_have_are_taken(address):
    assert checked_email(address) == address


def test_the_host_of_an_address_is_folded():
    assert checked_email("Ada@Example.COM") == "Ada@example.com"


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b.io", "a@b", "a b@c.io", "a@b..io", "a@-b.io", "a,b@c.io", "a@b.io\n", "a@b.c", "<a@b.io>"],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="not an e-mail address"):
        checked_email(address)


def test_vendored_files_are_what_they_were():
    folder = ROOT / "static/vendor"
    sums = dict(reversed(line.split()) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sums} == sums


def test_style_sheets_ask_no_other_host():
    sheets = [path.read_text() for path in (ROOT / "static").rglob("*.css")]
    assert [re.findall(r"url\([\"']?https?:", sheet) for sheet in sheets] == [[], []]
