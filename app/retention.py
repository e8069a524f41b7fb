"""Forget what is done with and old: bodies of notifications, what was sent, attempts to deliver.

Never orders, payments, the ledger or the audit log. What must not be said twice leaves its name: docs/decisions/0013.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.models import Delivery, Parcel, Receipt, WebhookEndpoint
from app.outbox import FORGOTTEN
from app.tollgate import Tollgate

log = logging.getLogger(__name__)

BATCH = 200  # rows for each transaction: nobody waits long for the database
MOST_BATCHES = 50  # of each kind, each time; the next time goes on
SAID_ONCE = ("mail", "webhook")  # letters and messages: the same facts may come up again in years


def forget(tollgate: Tollgate) -> int:
    """What is older than RETENTION_DAYS, oldest kinds of rows first. Gives how many rows it was."""
    days = tollgate.settings.retention_days
    if not days:
        return 0
    before = tollgate.clock() - timedelta(days=days)
    rows = sum(_all(tollgate, step, before) for step in (_receipts, _errands, _messages, _deliveries))
    if rows:
        log.info("%s rows older than %s days were forgotten", rows, days)
    return rows


def _all(tollgate: Tollgate, step: Callable[[Session, datetime], int], before: datetime) -> int:
    """A batch after the other, each in a transaction of its own, until there is nothing more or it is enough."""
    rows = 0
    for _ in range(MOST_BATCHES):
        with tollgate.db.write() as session:
            done = step(session, before)
        rows += done
        if done < BATCH:
            break
    return rows


def _receipts(session: Session, before: datetime) -> int:
    """A redelivery after that is a new receipt, and applying it changes nothing."""
    old = select(Receipt.id).where(Receipt.state.in_(("applied", "ignored")), Receipt.due_at < before)
    ids = session.scalars(old.limit(BATCH).with_for_update(skip_locked=True)).all()
    session.execute(delete(Receipt).where(Receipt.id.in_(ids)))
    return len(ids)


def _errands(session: Session, before: datetime) -> int:
    """What the worker did for us; doing it again would change nothing."""
    old = select(Parcel.id).where(Parcel.state == "sent", Parcel.due_at < before, Parcel.kind.not_in(SAID_ONCE))
    ids = session.scalars(old.limit(BATCH).with_for_update(skip_locked=True)).all()
    session.execute(delete(Parcel).where(Parcel.id.in_(ids)))
    return len(ids)


def _messages(session: Session, before: datetime) -> int:
    """Letters and messages lose what is in them and keep their name, so that they are not sent a second time."""
    old = select(Parcel.id).where(Parcel.state == "sent", Parcel.due_at < before, Parcel.kind.in_(SAID_ONCE))
    ids = session.scalars(old.limit(BATCH).with_for_update(skip_locked=True)).all()
    session.execute(update(Parcel).where(Parcel.id.in_(ids)).values(state=FORGOTTEN, payload={}, error=None))
    return len(ids)


def _deliveries(session: Session, before: datetime) -> int:
    known = Delivery.endpoint_id.in_(select(WebhookEndpoint.id))  # by the index of endpoint and time
    old = select(Delivery.id).where(known, Delivery.at < before)
    ids = session.scalars(old.limit(BATCH).with_for_update(skip_locked=True)).all()
    session.execute(delete(Delivery).where(Delivery.id.in_(ids)))
    return len(ids)
