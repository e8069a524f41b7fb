"""A letter is a parcel in the transaction of what it tells of: its name, whom it goes to, ids. Never a key, never a token."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import outbox
from app.tollgate import Tollgate
from keystore.ids import new_id

LANGUAGES = ("en", "fr")


def write(
    session: Session,
    tollgate: Tollgate,
    letter: str,
    subject: str,
    facts: dict[str, Any],
    *,
    to: str | None,
    locale: str | None = None,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """A letter about `subject`, once, however often this is called. Without a mail server or an address there is none."""
    if tollgate.settings.smtp_url is None or not to:
        return
    payload = {"letter": letter, "to": to, "language": language_of(locale), "message": new_id("msg"), "facts": facts}
    outbox.add(session, "mail", f"mail:{letter}:{subject}", payload, about=facts, now=now, due_at=due_at)


def write_operator(
    session: Session, tollgate: Tollgate, letter: str, subject: str, facts: dict[str, Any], *, now: datetime
) -> None:
    """The same to OPERATOR_EMAIL, where there is one."""
    write(session, tollgate, letter, subject, facts, to=tollgate.settings.operator_email, now=now)


def language_of(locale: str | None) -> str:
    """The language of ours that comes nearest: `fr-CA` is French, what we do not speak is English."""
    code = (locale or "")[:2].lower()
    return code if code in LANGUAGES else LANGUAGES[0]
