"""The inbox, for people: what providers told us, and working on it again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from app import audit, ingest
from app.models import Receipt
from app.operators.paging import read_page
from app.operators.redaction import without_people
from app.operators.situations import NotPossible, NotThere
from app.problems import InvalidInput
from app.tollgate import Tollgate
from app.views import Page


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A notification we hold. `body` only where one was asked for, without names and e-mails."""

    id: str
    provider: str
    event_id: str
    kind: str
    reference: str | None
    agreement: str | None
    state: str  # due | applied | ignored | parked
    attempts: int
    due_at: datetime
    received_at: datetime
    applied_at: datetime | None
    checkout: str | None
    error: str | None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """Which receipts; None leaves a field open. `reference`: of a session, an invoice or a subscription."""

    state: str | None = None
    provider: str | None = None
    reference: str | None = None
    since: datetime | None = None


def list_page(
    tollgate: Tollgate, only: ReceiptFilter, *, limit: int = 20, after: str | None = None
) -> Page[ReceiptView]:
    """Receipts, newest first. Raises NotThere for a bad cursor."""
    with tollgate.db.read() as session:
        query = select(Receipt).where(*_matching(only))
        rows, more = read_page(session, query, Receipt.received_at, Receipt.id, limit=limit, after=after)
        return Page(tuple(as_view(row) for row in rows), more)


def get(tollgate: Tollgate, receipt_id: str) -> ReceiptView:
    """One receipt with its body. Raises NotThere."""
    with tollgate.db.read() as session:
        row = session.get(Receipt, receipt_id)
        if row is None:
            raise NotThere(receipt_id)
        return as_view(row, body=without_people(row.body))


def find_range(tollgate: Tollgate, only: ReceiptFilter) -> tuple[str, ...]:
    """Ids of all that match, oldest first: what a replay would work on. Raises InvalidInput for "all there ever were"."""
    if only.state is None and only.since is None:
        raise InvalidInput("/since", "name a state or a moment, or it would be all there ever were")
    query = select(Receipt.id).where(*_matching(only)).order_by(Receipt.received_at, Receipt.id)
    with tollgate.db.read() as session:
        return tuple(session.scalars(query))


def replay(tollgate: Tollgate, receipt_id: str, *, actor: str) -> str:
    """Work on one again, whatever became of it; its state afterwards. Raises NotThere, NotPossible."""
    if not make_due(tollgate, (receipt_id,), actor=actor):
        get(tollgate, receipt_id)
        raise NotPossible("somebody is working on it")
    return ingest.process(tollgate, receipt_id)


def make_due(tollgate: Tollgate, receipt_ids: tuple[str, ...], *, actor: str) -> tuple[str, ...]:
    """Have the worker look at them again; those that could be had. Applying a receipt twice changes nothing."""
    now = tollgate.clock()
    free = Receipt.lease_until.is_(None) | (Receipt.lease_until < now)
    had: list[str] = []
    with tollgate.db.write() as session:
        for start in range(0, len(receipt_ids), 500):  # databases bound how many values one statement takes
            chosen = Receipt.id.in_(receipt_ids[start : start + 500])
            again = update(Receipt).where(chosen, free).values(state="due", due_at=now, attempts=0)
            had += session.scalars(again.returning(Receipt.id))
        for receipt_id in had:
            audit.write(session, "receipt.replayed", receipt_id, actor=actor, now=now)
    order = {receipt_id: place for place, receipt_id in enumerate(receipt_ids)}
    return tuple(sorted(had, key=order.__getitem__))


def as_view(row: Receipt, *, body: str | None = None) -> ReceiptView:
    """The view of a row that is loaded already."""
    return ReceiptView(
        id=row.id,
        provider=row.provider,
        event_id=row.event_id,
        kind=row.kind,
        reference=row.reference,
        agreement=row.agreement,
        state=row.state,
        attempts=row.attempts,
        due_at=row.due_at,
        received_at=row.received_at,
        applied_at=row.applied_at,
        checkout=row.checkout_id,
        error=row.error,
        body=body,
    )


def _matching(only: ReceiptFilter) -> list[ColumnElement[bool]]:
    wanted = [
        (only.state, Receipt.state == only.state),
        (only.provider, Receipt.provider == only.provider),
        (only.reference, (Receipt.reference == only.reference) | (Receipt.agreement == only.reference)),
    ]
    found = [condition for value, condition in wanted if value is not None]
    return [*found, Receipt.received_at >= only.since] if only.since else found
