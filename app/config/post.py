"""What the settings of outgoing mail must look like."""

from email.headerregistry import HeaderRegistry
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import BeforeValidator, SecretStr

from app.config.values import WHOLE, is_private, items, text_of, wrong

SMTP_FORMS = "write smtp://user:password@mail.example.com:587?starttls or smtps://user:password@mail.example.com"
LONGEST_NOTICE = 90  # days before the end of a term
HEADERS = HeaderRegistry()


def smtp_url(value: Any) -> SecretStr:
    """smtps:// speaks TLS from the first byte, smtp://…?starttls turns to it; plain smtp:// only on a private host."""
    text = text_of(value)
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.path.strip("/") or parts.query not in ("", "starttls", "starttls="):
        raise wrong("is not the address of a mail server", SMTP_FORMS)
    if parts.scheme == "smtp" and not wants_starttls(parts) and not is_private(parts.hostname or ""):
        raise wrong("sends mail to a public host in clear", SMTP_FORMS)
    if bool(parts.username) != bool(parts.password):
        raise wrong("holds a user name without a password, or the other way round", SMTP_FORMS)
    if not all(unquote(part or "").isascii() for part in (parts.username, parts.password)):
        raise wrong("holds a user name or password that is not ASCII", SMTP_FORMS)
    return SecretStr(text)


def wants_starttls(parts: SplitResult) -> bool:
    """Whether `?starttls` stands there."""
    return "starttls" in parse_qs(parts.query, keep_blank_values=True)


def mailbox(value: Any) -> str:
    """One `address` or `Name <address>`."""
    text = text_of(value)
    try:
        boxes = [box for box in HEADERS("From", text).addresses if box.username and box.domain]  # type: ignore[attr-defined]
    except IndexError:  # the parser's own trouble with `name@`
        boxes = []
    if len(boxes) != 1 or "," in text or not (text.isprintable() and text.isascii()):
        raise wrong("is not an e-mail address", "write billing@example.com or Example <billing@example.com>")
    return text


def days(value: Any) -> tuple[int, ...]:
    """Whole days, the longest first."""
    numbers = [text_of(item) for item in items(value)]
    if not all(WHOLE.fullmatch(number) and 1 <= int(number) <= LONGEST_NOTICE for number in numbers):
        raise wrong("must list whole days", f"write them like 7,1 (1 to {LONGEST_NOTICE})")
    return tuple(sorted({int(number) for number in numbers}, reverse=True))


SmtpUrl = Annotated[SecretStr, BeforeValidator(smtp_url)]
Mailbox = Annotated[str, BeforeValidator(mailbox)]
Days = Annotated[tuple[int, ...], BeforeValidator(days)]
