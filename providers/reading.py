"""Careful reading of other people's JSON: a missing or misshapen value is None, never an exception."""

import re
from datetime import UTC, datetime
from typing import Any

from providers.base import Unknown

_HANDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")


def dig(value: Any, *path: str) -> Any:
    """What lies at the end of the path; None where a step is missing or no object."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def text(value: Any, *path: str) -> str | None:
    """A non-empty string, or None."""
    found = dig(value, *path)
    return found if isinstance(found, str) and found else None


def number(value: Any, *path: str) -> int | None:
    """A whole number, or None."""
    found = dig(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def flag(value: Any, *path: str) -> bool | None:
    """True or False, or None where it is neither."""
    found = dig(value, *path)
    return found if isinstance(found, bool) else None


def moment(value: Any, *path: str) -> datetime | None:
    """Unix seconds as UTC, or None."""
    seconds = number(value, *path)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def objects(value: Any, *path: str) -> list[dict[str, Any]]:
    """The objects of a list; [] where there is none."""
    found = dig(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def ident(value: Any, *path: str) -> str | None:
    """The id of something given as an id or as the whole object."""
    return text(value, *path) or text(value, *path, "id")


def is_handle(value: str) -> bool:
    """True for what may stand in a URL as an id: an empty one would list everything, `..` would climb."""
    return _HANDLE.fullmatch(value) is not None


def checked(handle: str) -> str:
    """The same handle. Raises Unknown for what no id looks like."""
    if not is_handle(handle):
        raise Unknown("no provider makes such an id")
    return handle
