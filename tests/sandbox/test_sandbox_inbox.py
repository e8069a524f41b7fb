"""The sandbox as a mail server and as a receiver of webhooks: everything is kept, shown, and able to do nothing."""

import smtplib
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
import requests

from app.cli.demo import Demo
from app.mail import smtp
from app.mail.render import Letter
from sandbox import Config, Running
from sandbox.post_office import MOST_BYTES

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def office():
    with Running(Config(smtp_port=0)) as running:
        yield running


@pytest.fixture
def client(office):
    """A mail client that has said hello."""
    with smtplib.SMTP("127.0.0.1", int(office.smtp_url.rpartition(":")[2]), timeout=10) as client:
        client.ehlo()
        yield client


@pytest.fixture
def get(office):
    with requests.Session() as http:
        yield lambda path: http.get(office.url + path, timeout=10)


def write(subject="Hello", text="text\n", html="<p>html</p>\n"):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", "a@example.com", subject
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail


def test_a_letter_of_ours_is_kept_as_it_was_written(office, get):
    letter = Letter("Grüße", "über\n.\n..\n", "<p>über</p>\n")
    mail = smtp.compose(
        letter, sender="shop@example.com", to="a@example.com", message="msg_1", now=datetime.now(UTC)
    )  # fmt: skip
    smtp.send(office.smtp_url, mail)
    assert get("/sandbox/letters").json()["data"] == [
        {"to": ["a@example.com"], "subject": "Grüße", "text": "über\n.\n..\n", "html": "<p>über</p>\n"}
    ]


def test_the_inbox_lists_the_newest_first(client, get):
    [client.send_message(write(f"number {number}")) for number in (1, 2)]
    page = get("/inbox").text
    assert 0 < page.index("number 2") < page.index("number 1")


@pytest.mark.parametrize("path", ["/inbox", "/inbox/0"])
def test_what_a_letter_says_is_not_run_on_our_pages(client, get, path):
    client.send_message(write(NASTY, NASTY, NASTY))
    assert NASTY not in get(path).text


def test_its_html_may_do_nothing(client, get):
    client.send_message(write(html=NASTY))
    page = get("/inbox/0/html")
    assert page.headers["Content-Security-Policy"].startswith("sandbox allow-popups allow-popups-to-escape-sandbox;")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in get("/inbox/0").text


def test_links_in_the_text_can_be_followed(client, get):
    client.send_message(write(text="see https://shop.example/orders/ord_1#token\n"))
    assert 'href="https://shop.example/orders/ord_1#token"' in get("/inbox/0").text


@pytest.mark.parametrize("path", ["/inbox/0", "/inbox/0/html"])
def test_a_letter_that_is_not_there_is_not_found(get, path):
    assert get(path).status_code == 404


@pytest.mark.parametrize(
    "raw",
    [
        "no header at all\r\n",
        "Content-Type: text/plain; charset=klingon\r\n\r\nx\r\n",
        "Subject: =?utf-8?b?////?=\r\n\r\n\r\n",
    ],
)
def test_a_letter_that_makes_no_sense_is_shown_as_far_as_it_can_be(client, get, raw):
    client.sendmail("a@example.com", "b@example.com", raw)
    assert [get(path).status_code for path in ("/inbox", "/inbox/0", "/inbox/0/html")] == [200, 200, 200]


def test_a_letter_to_nobody_is_refused(client):
    client.docmd("MAIL", "FROM:<a@example.com>")
    assert client.docmd("DATA")[0] == 503


def test_a_letter_that_is_too_long_is_refused(client, get):
    client.docmd("MAIL", "FROM:<a@example.com>")
    client.docmd("RCPT", "TO:<b@example.com>")
    with suppress(smtplib.SMTPException, OSError):
        client.data("x" * (MOST_BYTES + 1))
    assert get("/sandbox/letters").json()["data"] == []


def test_what_it_does_not_know_it_says(client):
    assert client.docmd("VRFY", "a@example.com")[0] == 502


def test_an_outgoing_webhook_is_shown(office, get):
    body = {"type": "order.paid", "data": {"order": "ord_1"}}
    requests.post(f"{office.url}/inbox/messages", json=body, headers={"webhook-id": "msg_1"}, timeout=10)
    page = get("/inbox").text
    assert ("order.paid" in page, "msg_1" in page, "ord_1" in page) == (True, True, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type": ', b"\xff\xfe"])
def test_whatever_is_posted_is_kept(office, get, body):
    answer = requests.post(f"{office.url}/inbox/messages", data=body, timeout=10)
    assert (answer.status_code, get("/inbox").status_code) == (204, 200)


def test_there_is_no_mail_server_unless_asked_for(sandbox):
    assert sandbox.smtp_url is None


def test_the_mail_server_ends_with_the_sandbox():
    with Running(Config(smtp_port=0)) as running:
        pass
    with pytest.raises(OSError):
        smtp.greet(running.smtp_url)


def test_the_demo_sends_its_mail_to_the_sandbox(tmp_path):
    environ = Demo(tmp_path, 8000, 8010, 8025).environ()
    assert (environ["SMTP_URL"], Config.from_env(environ).smtp_port) == ("smtp://127.0.0.1:8025", 8025)


def test_the_table_of_the_demo_says_where_the_inbox_is(tmp_path):
    assert "http://127.0.0.1:8010/inbox " in Demo(tmp_path, 8000, 8010, 8025).table()
