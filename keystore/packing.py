"""A key's record as bytes: a process may remember a hundred thousand, and as objects each takes four times as much.

PURE. For this process only: what is packed never leaves it.
"""

import marshal
from datetime import UTC, datetime
from typing import Any

from keystore.verdict import KeyRecord, Period

_TIMES = tuple(KeyRecord._fields.index(name) for name in ("key_expires_at", "ends_at", "grace_ends_at"))
_PERIODS = KeyRecord._fields.index("periods")


def pack(record: KeyRecord) -> bytes:
    """Small, and nothing that the garbage collector would look through."""
    fields: list[Any] = [*record]
    for place in _TIMES:
        fields[place] = _number(fields[place])
    fields[_PERIODS] = [(one.name, _number(one.starts_at), _number(one.ends_at)) for one in record.periods]
    return marshal.dumps(fields)


def unpack(packed: bytes) -> KeyRecord:
    """The same record."""
    fields = marshal.loads(packed)  # noqa: S302 (what `pack` made, in this process)
    for place in _TIMES:
        if fields[place] is not None:
            fields[place] = _time(fields[place])
    fields[_PERIODS] = tuple([Period(name, _time(start), end and _time(end)) for name, start, end in fields[_PERIODS]])
    return KeyRecord._make(fields)


def _number(time: datetime | None) -> float | None:
    """Seconds since 1970: exact to the microsecond until the year 2242."""
    return None if time is None else time.timestamp()


def _time(number: float) -> datetime:
    return datetime.fromtimestamp(number, UTC)
