"""The inbox: notifications we hold until their effect is committed. Leases carry a fencing token.

Duplicates are known by the unique (provider, event id), caught on the receipt's own flush and nowhere else.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import Checkout, Receipt
from app.tollgate import Tollgate
from keystore.ids import new_id
from providers.events import Hint, Notification

LEASE = timedelta(seconds=60)
BACKOFF = tuple(timedelta(seconds=s) for s in (2, 5, 15, 60, 300, 900, 3600))
UNMATCHED = "no checkout of ours matches"  # why a receipt is parked that a checkout may still turn up for
MOST_ATTEMPTS = 20  # after that it is parked, where operators see it


@dataclass(frozen=True, slots=True)
class Leased:
    """A receipt that is ours to work on until the lease runs out; `token` fences off whoever had it before."""

    id: str
    provider: str
    hint: Hint
    token: str
    attempts: int
    due_at: datetime


def store(tollgate: Tollgate, provider: str, hint: Hint, note: Notification) -> tuple[str, str]:
    """Commit proof that we hold it. Gives (receipt id, state before): "new", or the state of the one we had."""
    receipt = Receipt(
        id=new_id("rcp"),
        provider=provider,
        event_id=hint.event_id,
        kind=hint.kind,
        reference=hint.reference,
        agreement=hint.agreement,
        hint=asdict(hint),
        body=note.body.decode("utf-8", "replace"),
        due_at=note.received_at,
        received_at=note.received_at,
    )
    try:
        with tollgate.db.write() as session:
            session.add(receipt)
            session.flush()
    except IntegrityError:
        return _redelivered(tollgate, provider, hint.event_id)
    return receipt.id, "new"


def is_known(tollgate: Tollgate, provider: str, event_id: str) -> bool:
    """Whether we hold a receipt for it, whatever its state."""
    with tollgate.db.read() as session:
        query = select(Receipt.id).where(Receipt.provider == provider, Receipt.event_id == event_id)
        return session.scalar(query) is not None


def _redelivered(tollgate: Tollgate, provider: str, event_id: str) -> tuple[str, str]:
    """A known event makes its receipt due again unless it is done with."""
    with tollgate.db.write() as session:
        known = session.scalars(
            select(Receipt).where(Receipt.provider == provider, Receipt.event_id == event_id).with_for_update()
        ).one()
        before = known.state
        if before == "parked":
            known.state, known.attempts = "due", 0
        if before in ("due", "parked"):
            known.due_at = tollgate.clock()
        return known.id, before


def lease(tollgate: Tollgate, receipt_id: str, *, token: str | None = None) -> Leased | None:
    """Take it to work on; None when it is not due or somebody else has it."""
    now = tollgate.clock()
    token = token or new_id("lea")
    with tollgate.db.write() as session:
        receipt = session.scalar(
            update(Receipt)
            .where(Receipt.id == receipt_id, Receipt.state == "due", Receipt.due_at <= now)
            .where(Receipt.lease_until.is_(None) | (Receipt.lease_until < now))
            .values(lease=token, lease_until=now + LEASE, attempts=Receipt.attempts + 1)
            .returning(Receipt)
        )
        if receipt is None:
            return None
        return Leased(receipt.id, receipt.provider, Hint(**receipt.hint), token, receipt.attempts, receipt.due_at)


def find_due(tollgate: Tollgate, *, limit: int, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Rails and ids of receipts that wait for work now, oldest first, leaving out some rails."""
    now = tollgate.clock()
    with tollgate.db.read() as session:
        rows = session.execute(
            select(Receipt.provider, Receipt.id)
            .where(Receipt.state == "due", Receipt.due_at <= now, Receipt.provider.not_in(without))
            .where(Receipt.lease_until.is_(None) | (Receipt.lease_until < now))
            .order_by(Receipt.due_at)
            .limit(limit)
        )
        return [(row.provider, row.id) for row in rows]


def give_back(tollgate: Tollgate, receipt_id: str, token: str) -> None:
    """Somebody else may work on it at once. Whoever still has it in hand can write down nothing about it any more."""
    ours = (Receipt.id == receipt_id, Receipt.state == "due", Receipt.lease == token)
    with tollgate.db.write() as session:
        session.execute(update(Receipt).where(*ours).values(lease=None, lease_until=None))


def mark_applied(session: Session, leased: Leased, checkout_id: str, *, now: datetime) -> None:
    """Part of the money's own transaction: the receipt is done with exactly when its effect is."""
    session.execute(
        update(Receipt)
        .where(Receipt.id == leased.id, Receipt.lease == leased.token)
        .values(state="applied", applied_at=now, checkout_id=checkout_id, lease=None, lease_until=None, error=None)
    )


def ignore(tollgate: Tollgate, leased: Leased, why: str) -> None:
    """Authentic but not for us (another account, the other mode): kept, never worked on again."""
    _end_lease(tollgate, leased, state="ignored", error=why)


def park(tollgate: Tollgate, leased: Leased) -> None:
    """No checkout of ours matches. If one appeared meanwhile, it stays due at once: `release` may come long after.

    Or came already, unseen by this statement: then it is due since another moment than when it was leased.
    """
    ours = (Receipt.id == leased.id, Receipt.lease == leased.token)
    still = (Receipt.due_at == leased.due_at, ~_matches())
    free: dict[str, None] = {"lease": None, "lease_until": None}
    with tollgate.db.write() as session:
        session.execute(update(Receipt).where(*ours, *still).values(state="parked", error=UNMATCHED, **free))
        session.execute(update(Receipt).where(*ours).values(**free))


def _matches() -> ColumnElement[bool]:
    """Whether a checkout has the name that a receipt means: the session's or invoice's, else its subscription's.

    Apart, so that both are looked up by index.
    """
    theirs = exists().where(Checkout.provider == Receipt.provider).correlate(Receipt)
    opened, subscribed = Checkout.reference == Receipt.reference, Checkout.agreement == Receipt.agreement
    return theirs.where(opened) | and_(Receipt.reference.is_(None), theirs.where(subscribed))


def postpone(tollgate: Tollgate, leased: Leased, why: str) -> None:
    """It could not be worked on now: due again later, with back-off; parked visibly after the last attempt."""
    if leased.attempts >= MOST_ATTEMPTS:
        _end_lease(tollgate, leased, state="parked", error=why)
        return
    pause = BACKOFF[min(leased.attempts, len(BACKOFF)) - 1]
    _end_lease(tollgate, leased, state="due", error=why, due_at=tollgate.clock() + pause)


def _end_lease(tollgate: Tollgate, leased: Leased, **values: object) -> None:
    with tollgate.db.write() as session:
        session.execute(
            update(Receipt)
            .where(Receipt.id == leased.id, Receipt.lease == leased.token)
            .values(lease=None, lease_until=None, **values)
        )


def release(tollgate: Tollgate, provider: str, name: str) -> None:
    """A checkout's reference, or that of its agreement, was just committed: what came before it is due now.

    A transaction of its own, after that commit: whoever parks a receipt either sees the name or is seen here. The new
    moment makes a parking that is under way miss its row; whoever has one in hand that is not parked goes on.
    """
    about = (Receipt.reference == name) | (Receipt.agreement == name)
    with tollgate.db.write() as session:
        session.execute(
            update(Receipt)
            .where(Receipt.provider == provider, about, Receipt.state.in_(("parked", "due")))
            .values(state="due", due_at=tollgate.clock())
        )


def release_matched(tollgate: Tollgate) -> None:
    """The same for all that is parked and has a checkout by now: somebody died before `release`, or it was slower."""
    parked = (Receipt.state == "parked", Receipt.error == UNMATCHED, _matches())
    with tollgate.db.write() as session:
        free = select(Receipt.id).where(*parked).with_for_update(skip_locked=True)
        session.execute(update(Receipt).where(Receipt.id.in_(free)).values(state="due", due_at=tollgate.clock()))
