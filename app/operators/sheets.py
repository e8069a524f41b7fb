"""Tables as CSV, for people with spreadsheets. PURE."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

AUDIT = ("at", "actor", "action", "target", "before", "after", "request_id")
MONEY = ("month", "provider", "plan", "currency", "payments", "amount", "held", "refunds", "refunded", "net", "sats")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The CSV, a line at a time, RFC 4180."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in chain([headings], ([_cell(value) for value in row] for row in rows)):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _cell(value: object) -> object:
    """Spreadsheets run what looks like a formula: a text that begins like one gets an apostrophe."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def audit(entries: Iterable[object]) -> Iterator[str]:
    """The audit log."""
    return lines(AUDIT, ([getattr(entry, name) for name in AUDIT] for entry in entries))


def money(report: Iterable[object]) -> Iterator[str]:
    """The report; amounts in minor units."""
    return lines(MONEY, ([getattr(line, name) for name in MONEY] for line in report))
