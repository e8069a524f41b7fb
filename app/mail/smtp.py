"""Hand one letter to the mail server. A retry carries the same Message-ID, so mail programs show it once."""

import io
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from app.config.post import wants_starttls
from app.mail.render import Letter
from app.outbox import Undeliverable

SECONDS = 15.0  # for each word of the server
BUDGET_SECONDS = (
    45.0  # for all of them: less than a parcel's lease, or another worker would send the same letter meanwhile
)
PORTS = {"smtp": 25, "smtps": 465}


class _Words(io.RawIOBase):
    """What the server says until a moment, however small the pieces in which it comes."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("the mail server took too long")
        self._sock.settimeout(min(SECONDS, left))
        return self._sock.recv_into(buffer)


class _InTime(smtplib.SMTP):
    """A session that is over in time, however slowly each of its answers comes."""

    def __init__(self, *args: Any, seconds: float, **kwargs: Any) -> None:
        self._until = monotonic() + seconds
        super().__init__(*args, **kwargs)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:  # at first, and after STARTTLS
            self.file = io.BufferedReader(_Words(self.sock, self._until))
        return super().getreply()


class _InTimeTls(_InTime, smtplib.SMTP_SSL):
    pass


def compose(letter: Letter, *, sender: str, to: str, message: str, now: datetime) -> EmailMessage:
    """The letter with its envelope. Raises Undeliverable when `to` is no address."""
    mail = EmailMessage()
    try:
        mail["To"] = Address(addr_spec=to)
    except (ValueError, IndexError) as error:
        raise Undeliverable(f"no usable address: {error}") from None
    mail["From"] = sender
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office answers, please
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    return mail


def send(url: str, mail: EmailMessage, *, seconds: float = BUDGET_SECONDS) -> None:
    """Raises Undeliverable when the server says never; OSError or SMTPException when it may work later."""
    try:
        with _session(url, seconds=seconds) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        if code >= 500:
            raise Undeliverable(f"the address was refused: {code} {said!r}") from None
        raise
    except smtplib.SMTPNotSupportedError as error:
        raise Undeliverable(f"the mail server cannot do it: {error}") from None
    except smtplib.SMTPDataError as error:
        if error.smtp_code >= 500:
            raise Undeliverable(f"the letter was refused: {error.smtp_code} {error.smtp_error!r}") from None
        raise


def greet(url: str) -> None:
    """Whether the server takes us, without sending anything. Raises OSError, SMTPException."""
    with _session(url) as server:
        server.noop()


@contextmanager
def _session(url: str, *, seconds: float = BUDGET_SECONDS) -> Iterator[smtplib.SMTP]:
    """However the server takes our leave: what it has accepted is sent, and would be sent twice if that were an error."""
    server = _connect(url, seconds=seconds)
    try:
        yield server
    finally:
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
        server.close()


def _connect(url: str, *, seconds: float) -> smtplib.SMTP:
    """A session with the server of SMTP_URL, encrypted and signed in as it says."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    trusted = ssl.create_default_context()
    server: smtplib.SMTP = (
        _InTimeTls(host, port, timeout=SECONDS, seconds=seconds, context=trusted)
        if parts.scheme == "smtps"
        else _InTime(host, port, timeout=SECONDS, seconds=seconds)
    )
    try:
        if parts.scheme == "smtp" and wants_starttls(parts):
            server.starttls(context=trusted)
        if parts.username and parts.password:
            server.login(unquote(parts.username), unquote(parts.password))
    except BaseException:
        server.close()
        raise
    return server
