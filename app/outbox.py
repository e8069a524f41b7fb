"""Leased parcels: what has to be sent after a commit. At least once, with back-off; given up loudly, never silently."""

import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from app import failpoints
from app.models import Checkout, Parcel
from app.tollgate import Tollgate
from keystore.ids import new_id

log = logging.getLogger(__name__)

WEBHOOK, CLOSING = "webhook", "close_checkout"  # kinds whose dedupe keys name a receiver, a rail: see `lane_of`
FORGOTTEN = "forgotten"  # the state of a parcel that was sent and emptied since: see app.retention
LEASE = timedelta(seconds=60)
REST = timedelta(seconds=30)  # of all that waits for a host that is away
PATIENCE = timedelta(days=3)  # with a host that is away; from this age on a parcel's attempts count there too
BACKOFF = tuple(timedelta(seconds=s) for s in (5, 30, 300, 1800, *(7200,) * 5))  # then the tenth attempt was the last

Carriers = Mapping[str, Callable[[Tollgate, Mapping[str, Any]], None]]  # parcel kind -> who takes it there


class Undeliverable(Exception):
    """Trying again will not help: the parcel is parked at once."""


class Away(Exception):
    """Not delivered because the host is away: it would be the same for all that waits for it."""


class Later(Exception):
    """Not delivered, and this kind has pauses of its own; after the last of them the parcel is parked."""

    def __init__(self, reason: str, pauses: tuple[timedelta, ...]) -> None:
        super().__init__(reason)
        self.pauses = pauses


class NotNow(Exception):
    """Not even tried: `due_at` is a better moment. Does not count as an attempt."""

    def __init__(self, due_at: datetime) -> None:
        super().__init__(due_at.isoformat())
        self.due_at = due_at


def add(
    session: Session,
    kind: str,
    dedupe: str,
    payload: dict[str, Any],
    *,
    about: Mapping[str, Any] | None = None,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Put a parcel into the caller's transaction, unless one with the same dedupe key was ever there.

    `about` names the order and the entitlement by which operators find it; left out, the payload does.
    """
    if session.scalar(select(Parcel.id).where(Parcel.dedupe == dedupe)) is not None:
        return
    about = payload if about is None else about
    parcel = Parcel(id=new_id("par"), dedupe=dedupe, kind=kind, payload=payload, due_at=due_at or now, created_at=now)
    parcel.order_id, parcel.entitlement_id = about.get("order"), about.get("entitlement")
    session.add(parcel)


def run_due(tollgate: Tollgate, carriers: Carriers, *, limit: int = 20) -> int:
    """Send what is due, one after another; how many there were."""
    due = find_due(tollgate, limit=limit)
    for _, parcel_id in due:
        with suppress(Away):
            send(tollgate, carriers, parcel_id)
    return len(due)


def find_due(tollgate: Tollgate, *, limit: int, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Lanes and ids of parcels that wait to be sent now, oldest first, leaving out some lanes (or kinds)."""
    now = tollgate.clock()
    with tollgate.db.read() as session:
        rows = session.execute(
            select(Parcel.kind, Parcel.dedupe, Parcel.id)
            .where(Parcel.state == "due", Parcel.due_at <= now)
            .where(Parcel.lease_until.is_(None) | (Parcel.lease_until < now))
            .where(Parcel.kind.not_in(without))
            .where(*(~_in_lane(lane) for lane in without if ":" in lane))
            .order_by(Parcel.due_at)
            .limit(limit)
        )
        return [(lane_of(row.kind, row.dedupe), row.id) for row in rows]


def add_closing(session: Session, checkout: Checkout, *, now: datetime) -> None:
    """Nobody should pay this one any more: ask its rail to close it. Once for each of its references."""
    dedupe = f"{CLOSING}:{checkout.provider}:{checkout.id}{'' if checkout.reference is None else '/open'}"
    add(session, CLOSING, dedupe, {"checkout": checkout.id, "order": checkout.order_id}, now=now)


def lane_of(kind: str, dedupe: str) -> str:
    """What must not be held up by the rest: a kind; among webhooks the one receiver, among checkouts to close the one rail."""
    return dedupe.rpartition(":")[0] if kind in (WEBHOOK, CLOSING) else kind


def _in_lane(lane: str) -> ColumnElement[bool]:
    named = Parcel.dedupe.startswith(f"{lane}:", autoescape=True)
    return and_(Parcel.kind == lane.partition(":")[0], named) if ":" in lane else Parcel.kind == lane


def is_receiver(lane: str) -> bool:
    """Whether a lane leads to a receiver of webhooks."""
    return lane.startswith(f"{WEBHOOK}:")


def give_back(tollgate: Tollgate, parcel_id: str, token: str) -> None:
    """Somebody else may have it at once. Whoever still has it in hand can write down nothing any more."""
    ours = (Parcel.id == parcel_id, Parcel.state == "due", Parcel.lease == token)
    with tollgate.db.write() as session:
        session.execute(update(Parcel).where(*ours).values(lease=None, lease_until=None))


def send(tollgate: Tollgate, carriers: Carriers, parcel_id: str, *, token: str | None = None) -> bool:
    """Lease one, hand it over, write down how it went. True when it got there. Raises Away, after that."""
    now, token = tollgate.clock(), token or new_id("lea")
    with tollgate.db.write() as session:
        parcel = session.scalar(
            update(Parcel)
            .where(Parcel.id == parcel_id, Parcel.state == "due", Parcel.due_at <= now)
            .where(Parcel.lease_until.is_(None) | (Parcel.lease_until < now))
            .values(lease=token, lease_until=now + LEASE, attempts=Parcel.attempts + 1)
            .returning(Parcel)
        )
    if parcel is None:
        return False
    away, others_at = None, None
    try:
        outcome = _hand_over(tollgate, carriers, parcel)
    except Away as error:
        outcome, away, others_at = _when_back(parcel, error, now=tollgate.clock()), error, tollgate.clock() + REST
    except NotNow as wait:
        outcome, others_at = {"due_at": wait.due_at, "attempts": parcel.attempts - 1}, wait.due_at
    failpoints.reach("parcel_after_send")
    with tollgate.db.write() as session:
        session.execute(
            update(Parcel)
            .where(Parcel.id == parcel_id, Parcel.lease == token)
            .values(lease=None, lease_until=None, **outcome)
        )
        if others_at:
            _put_off(session, parcel, others_at, now=tollgate.clock())
    if away:
        raise away
    return outcome.get("state") == "sent"


def _when_back(parcel: Parcel, error: Away, *, now: datetime) -> dict[str, Any]:
    """Nothing is wrong with this one, so trying it is no attempt; behind the others of its lane, in case it is."""
    if now - parcel.created_at >= PATIENCE:
        return _again(parcel, error, tuple(max(pause, REST) for pause in BACKOFF), now=now)
    log.warning("parcel %s (%s): %s", parcel.id, parcel.kind, error)
    return {"due_at": now + REST * random.uniform(1, 1.2), "attempts": parcel.attempts - 1, "error": str(error)}


def _put_off(session: Session, tried: Parcel, until: datetime, *, now: datetime) -> None:
    """The others in its lane need not be tried, here or on another host: they are not late, and no attempt is counted."""
    waiting = (
        _in_lane(lane_of(tried.kind, tried.dedupe)),
        Parcel.state == "due",
        Parcel.due_at <= now,
        Parcel.lease.is_(None),
    )
    free = select(Parcel.id).where(*waiting).with_for_update(skip_locked=True)  # two hosts may do this at once
    session.execute(update(Parcel).where(Parcel.id.in_(free)).values(due_at=until))


def _hand_over(tollgate: Tollgate, carriers: Carriers, parcel: Parcel) -> dict[str, Any]:
    """The columns that say how it went. Raises Away, NotNow."""
    if parcel.kind not in carriers:
        return {"state": "parked", "error": "no carrier takes this kind"}
    try:
        carriers[parcel.kind](tollgate, parcel.payload)
    except Undeliverable as error:
        log.error("parcel %s (%s) is parked: %s", parcel.id, parcel.kind, error)  # noqa: TRY400 (no stack trace needed)
        return {"state": "parked", "error": str(error)}
    except (Away, NotNow):
        raise
    except Later as error:
        return _again(parcel, error, error.pauses, now=tollgate.clock())
    except Exception as error:  # noqa: BLE001 (whatever a carrier meets, the parcel must not be lost)
        return _again(parcel, error, BACKOFF, now=tollgate.clock())
    return {"state": "sent", "sent_at": tollgate.clock(), "error": None}


def _again(parcel: Parcel, error: Exception, pauses: tuple[timedelta, ...], *, now: datetime) -> dict[str, Any]:
    """Due again after the next pause and a little more, so that what failed together does not come back together."""
    parked = parcel.attempts > len(pauses)
    log.log(logging.ERROR if parked else logging.WARNING, "parcel %s (%s): %s", parcel.id, parcel.kind, error)
    said = str(error) if isinstance(error, Later | Away) else f"{type(error).__name__}: {error}"
    if parked:
        return {"state": "parked", "error": said}
    return {"due_at": now + pauses[parcel.attempts - 1] * random.uniform(1, 1.2), "error": said}
