"""The audit log, for people: who did what, before and after."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from app.models import AuditEntry
from app.operators.paging import read_page
from app.tollgate import Tollgate
from app.views import Page

BATCH = 500


@dataclass(frozen=True, slots=True)
class AuditView:
    """One entry."""

    id: str
    at: datetime
    actor: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None leaves a field open. `until` is not included."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_page(tollgate: Tollgate, only: AuditFilter, *, limit: int = 20, after: str | None = None) -> Page[AuditView]:
    """Entries, newest first. Raises NotThere for a bad cursor."""
    with tollgate.db.read() as session:
        query = select(AuditEntry).where(*_matching(only))
        rows, more = read_page(session, query, AuditEntry.at, AuditEntry.id, limit=limit, after=after)
        return Page(tuple(as_view(row) for row in rows), more)


def every(tollgate: Tollgate, only: AuditFilter) -> Iterator[AuditView]:
    """All that match, oldest first, read as they are used."""
    query = select(AuditEntry).where(*_matching(only)).order_by(AuditEntry.at, AuditEntry.id)
    with tollgate.db.read() as session:
        for row in session.scalars(query.execution_options(yield_per=BATCH)):
            yield as_view(row)


def as_view(row: AuditEntry) -> AuditView:
    """The view of a row that is loaded already."""
    return AuditView(row.id, row.at, row.actor, row.action, row.target, row.before, row.after, row.request_id)


def _matching(only: AuditFilter) -> list[ColumnElement[bool]]:
    same = ((AuditEntry.actor, only.actor), (AuditEntry.action, only.action), (AuditEntry.target, only.target))
    found = [column == value for column, value in same if value is not None]
    found += [AuditEntry.at >= only.since] if only.since else []
    return [*found, AuditEntry.at < only.until] if only.until else found
