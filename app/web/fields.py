"""Values that several endpoints take or give, checked once. No control characters: PostgreSQL stores no NUL."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, StringConstraints

_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z]{2,63}")
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


def checked_email(text: str) -> str:
    """A plausible address, in lower case after the @; only a mail to it could tell more. Raises ValueError."""
    if not _EMAIL.fullmatch(text) or ".." in text or not text.isprintable():
        raise ValueError("this is not an e-mail address")
    local, _, host = text.rpartition("@")
    return f"{local}@{host.lower()}"


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time"}),
]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_.-]+$")]
Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(checked_email)]
ReturnUrl = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=PRINTABLE)]
Locale = Annotated[str, StringConstraints(max_length=16, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
Name = Annotated[str, StringConstraints(max_length=80, pattern=PRINTABLE)]
KeyId = Annotated[str, StringConstraints(pattern=r"^key_[0-9A-Za-z]{1,36}$")]
Scope = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_:.-]*$")]
