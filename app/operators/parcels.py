"""The outbox, for people: what was sent, what could not be, and sending it again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app import audit
from app.models import Parcel
from app.operators.paging import read_page
from app.operators.situations import NotPossible, NotThere
from app.outbox import FORGOTTEN
from app.tollgate import Tollgate
from app.views import Page


@dataclass(frozen=True, slots=True)
class ParcelView:
    """Something that has to be sent. Never what is in it: that may hold an address."""

    id: str
    kind: str
    dedupe: str
    state: str  # due | sent | parked | forgotten
    attempts: int
    due_at: datetime
    created_at: datetime
    sent_at: datetime | None
    error: str | None


def list_page(
    tollgate: Tollgate, *, limit: int = 20, after: str | None = None, state: str | None = None, kind: str | None = None
) -> Page[ParcelView]:
    """Parcels, newest first. Raises NotThere for a bad cursor."""
    query = select(Parcel)
    query = query.where(Parcel.state == state) if state else query
    query = query.where(Parcel.kind == kind) if kind else query
    with tollgate.db.read() as session:
        rows, more = read_page(session, query, Parcel.created_at, Parcel.id, limit=limit, after=after)
        return Page(tuple(as_view(row) for row in rows), more)


def find(tollgate: Tollgate, *, state: str, kind: str | None = None) -> tuple[str, ...]:
    """Ids of all that are in that state, oldest first."""
    query = select(Parcel.id).where(Parcel.state == state).order_by(Parcel.created_at, Parcel.id)
    with tollgate.db.read() as session:
        return tuple(session.scalars(query.where(Parcel.kind == kind) if kind else query))


def resend(tollgate: Tollgate, parcel_id: str, *, actor: str) -> ParcelView:
    """Have the worker send it again, whatever became of it. Raises NotThere, NotPossible while it is being sent."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        row = session.get(Parcel, parcel_id, with_for_update=True)
        if row is None:
            raise NotThere(parcel_id)
        if row.state == FORGOTTEN:
            raise NotPossible("it was sent so long ago that its content is forgotten")
        if row.lease_until is not None and row.lease_until >= now:
            raise NotPossible("it is being sent right now")
        before = {"state": row.state, "attempts": row.attempts}
        row.state, row.due_at, row.attempts, row.lease, row.lease_until = "due", now, 0, None, None
        audit.write(session, "parcel.resent", row.id, actor=actor, now=now, before=before)
        return as_view(row)


def as_view(row: Parcel) -> ParcelView:
    """The view of a row that is loaded already."""
    return ParcelView(
        row.id,
        row.kind,
        row.dedupe,
        row.state,
        row.attempts,
        row.due_at,
        row.created_at,
        row.sent_at,
        row.error,
    )
