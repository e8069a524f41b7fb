"""A key's record as bytes: a process may remember a hundred thousand, and as objects each takes four times as much.

PURE. For this process only: what is packed never leaves it.
"""

import marshal
from datetime import UTC, datetime, timedelta
from typing import Any

from keystore.verdict import KeyRecord, Period

_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
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
    fields[_PERIODS] = tuple(
        [Period(name, _time(start), None if end is None else _time(end)) for name, start, end in fields[_PERIODS]]
    )
    return KeyRecord._make(fields)


def _number(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // _TICK


def _time(number: int) -> datetime:
    return _EPOCH + number * _TICK
