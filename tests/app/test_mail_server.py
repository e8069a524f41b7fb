"""Talking to a mail server: encrypted and signed in as SMTP_URL says, never half so."""

import smtplib
import socketserver
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
from aiosmtpd.smtp import AuthResult
from post_office import post_office

from app.mail import smtp
from app.mail.render import Letter
from app.outbox import Undeliverable

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LETTER = Letter("Grüße", "text\n", "<p>html</p>\n")


@pytest.fixture
def mail():
    return smtp.compose(LETTER, sender="Shop <shop@example.com>", to="a@example.org", message="msg_1", now=NOW)


def only_tester(_server, _session, _envelope, _mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"tester", b"p w"), handled=False)


def test_a_letter_arrives_in_clear_on_a_private_host(mail):
    with post_office() as (office, port):
        smtp.send(f"smtp://127.0.0.1:{port}", mail)
    assert office.letters[0]["Subject"] == "Grüße"


def test_it_signs_in_with_an_encoded_password(mail):
    with post_office(authenticator=only_tester, auth_require_tls=False) as (office, port):
        smtp.send(f"smtp://tester:p%20w@127.0.0.1:{port}", mail)
    assert len(office.letters) == 1


def test_a_wrong_password_may_be_mended(mail):
    with (
        post_office(authenticator=only_tester, auth_require_tls=False) as (_, port),
        pytest.raises(smtplib.SMTPAuthenticationError),
    ):
        smtp.send(f"smtp://tester:wrong@127.0.0.1:{port}", mail)


def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for(mail):
    with post_office() as (office, port), pytest.raises(smtplib.SMTPNotSupportedError):
        smtp.greet(f"smtp://127.0.0.1:{port}?starttls")
    assert office.letters == []


def test_a_server_that_speaks_no_tls_is_no_smtps_server(mail):
    with post_office() as (_, port), pytest.raises((ssl.SSLError, OSError)):
        smtp.send(f"smtps://127.0.0.1:{port}", mail)


def test_a_letter_that_is_refused_for_good_is_undeliverable(mail):
    with post_office(answer="554 no thanks") as (_, port), pytest.raises(Undeliverable):
        smtp.send(f"smtp://127.0.0.1:{port}", mail)


def test_nobody_at_the_door_may_be_mended(mail):
    with post_office() as (_, port):
        pass
    with pytest.raises(OSError):
        smtp.send(f"smtp://127.0.0.1:{port}", mail)


class Slow(socketserver.StreamRequestHandler):
    """Says yes to everything, each time after a while."""

    def handle(self):
        self.wfile.write(b"220 hello\r\n")
        with suppress(OSError):
            for line in self.rfile:
                time.sleep(0.15)
                self.wfile.write(b"354 go on\r\n" if line == b"data\r\n" else b"250 yes\r\n")


class Dripping(socketserver.StreamRequestHandler):
    """Greets line by line, soon enough each time, and for a long time."""

    def handle(self):
        self.server.was_heard_out = False
        with suppress(OSError):
            for _ in range(400):
                self.wfile.write(b"220-one moment\r\n")
                time.sleep(0.02)
            self.server.was_heard_out = True


@contextmanager
def serving(handler):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server, f"smtp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def slow():
    with serving(Slow) as (_, url):
        yield url


def test_a_server_whose_answer_never_ends_is_given_up_in_time(mail):
    with serving(Dripping) as (server, url), pytest.raises(smtplib.SMTPServerDisconnected):
        smtp.send(url, mail, seconds=0.3)
    assert server.was_heard_out is False


def test_a_server_that_is_slow_each_time_is_given_up_in_time(slow, mail):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtp.send(slow, mail, seconds=0.4)


def test_a_server_that_takes_leave_in_its_own_way_has_the_letter(slow, mail):
    smtp.send(slow, mail)


def test_nobody_answers_a_letter_of_ours_from_holiday(mail):
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("address", ["", "a@", "a@b\nBcc: c@d", "two@example.com, more@example.com"])
def test_what_is_no_address_is_undeliverable(address):
    with pytest.raises(Undeliverable):
        smtp.compose(LETTER, sender="shop@example.com", to=address, message="msg_1", now=NOW)
