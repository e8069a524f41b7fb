"""Whether this machine and a provider agree on the time: every answer of theirs has a Date header."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from providers.base import Diagnosis

SKEW_SECONDS: Final = 60


def compare(date: str | None, now: datetime, *, whose: str, level: str, fix: str) -> Iterator[Diagnosis]:
    """A line of `tollgate doctor`: of this level where the two are too far apart, none where the header tells no time."""
    try:
        skew = abs((parsedate_to_datetime(date or "") - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return
    if skew > SKEW_SECONDS:
        yield Diagnosis("clock", level, f"{skew:.0f} s away from {whose}", fix)
    else:
        yield Diagnosis("clock", "ok", f"within {SKEW_SECONDS} s of {whose}")
