"""Carrier of parcels of kind `mail`."""

import smtplib
import socket
from collections.abc import Mapping
from typing import Any

from app.mail import smtp
from app.mail.contents import CONTENTS
from app.mail.render import render
from app.outbox import Away, Undeliverable
from app.tollgate import Tollgate

# What says nothing about the letter: the next one would meet the same.
AWAY = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    smtplib.SMTPServerDisconnected,
    smtplib.SMTPConnectError,
    smtplib.SMTPAuthenticationError,
)


def send(tollgate: Tollgate, payload: Mapping[str, Any]) -> None:
    """Write the letter as things stand now, and send it, unless it has nothing to say any more. Raises Away, Undeliverable."""
    settings = tollgate.settings
    if settings.smtp_url is None or settings.mail_from is None:
        raise Undeliverable("SMTP_URL is not set any more")
    with tollgate.db.read() as session:
        facts = CONTENTS[payload["letter"]](session, tollgate, payload["facts"])
    if facts is None:
        return
    letter = render(payload["letter"], payload["language"], {"site": settings.public_url, **facts})
    mail = smtp.compose(
        letter, sender=settings.mail_from, to=payload["to"], message=payload["message"], now=tollgate.clock()
    )
    try:
        smtp.send(settings.smtp_url.get_secret_value(), mail)
    except AWAY as error:
        raise Away(f"the mail server: {type(error).__name__}: {error}") from error
