"""Everything about one order in the order of time: what was tried, what we were told, what came, what was done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app import keys
from app.models import Adjustment, AuditEntry, Checkout, Order, Parcel, Payment, Receipt, Refund
from app.operators import entitlements, refunds
from app.operators.entitlements import EntitlementView
from app.operators.orders import OrderLine, line_of
from app.operators.refunds import RefundView
from app.payments import PaymentView, list_payments
from app.problems import OrderNotFound
from app.tollgate import Tollgate
from app.views import KeyView
from keystore.models import ApiKey, Entitlement

MOST = 500  # rows of one kind


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `what`: order | checkout | receipt | payment | refund | decision | key | parcel | audit."""

    at: datetime
    what: str
    id: str
    text: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class OrderFile:
    """An order with all that hangs on it. Payments are those of the whole entitlement, renewals too."""

    order: OrderLine
    entitlement: EntitlementView
    keys: tuple[KeyView, ...]
    payments: tuple[PaymentView, ...]
    refunds: tuple[RefundView, ...]
    timeline: tuple[Event, ...]


def read(tollgate: Tollgate, order_id: str) -> OrderFile:
    """Raises OrderNotFound."""
    with tollgate.db.read() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        checkouts = list(session.scalars(select(Checkout).where(Checkout.order_id == order_id)))
        paid = list(session.scalars(select(Payment).where(Payment.checkout_id.in_([row.id for row in checkouts]))))
        back = list(session.scalars(select(Refund).where(Refund.payment_id.in_([row.id for row in paid]))))
        held = list(session.scalars(select(ApiKey).where(ApiKey.entitlement_id == order.entitlement_id)))
        happened = [*_tried(order, checkouts), *_came(paid, back), *_issued(held)]
        happened += _told(session, checkouts)
        happened += _done(session, order, [*checkouts, *paid, *held])
        return OrderFile(
            order=line_of(tollgate, session, order),
            entitlement=entitlements.read(session, session.get_one(Entitlement, order.entitlement_id)),
            keys=tuple(keys.get(tollgate, row.id) for row in held),
            payments=tuple(list_payments(tollgate, order.entitlement_id)),
            refunds=tuple(refunds.as_view(row) for row in back),
            timeline=tuple(sorted(happened, key=lambda event: event.at)),
        )


def _tried(order: Order, checkouts: list[Checkout]) -> Iterator[Event]:
    yield Event(order.created_at, "order", order.id, f"{order.kind} order of {order.plan}")
    for row in checkouts:
        text = f"{row.provider} {row.reference or '(not opened)'}, {row.amount} {row.currency}: {row.state}"
        yield Event(row.created_at, "checkout", row.id, text)


def _came(payments: list[Payment], back: list[Refund]) -> Iterator[Event]:
    for payment in payments:
        text = f"{payment.amount} {payment.currency} by {payment.provider} for {payment.plan}: {payment.state}"
        yield Event(payment.paid_at, "payment", payment.id, text)
    for row in back:
        yield Event(row.created_at, "refund", row.id, f"{row.amount} {row.currency} of {row.payment_id}: {row.state}")


def _issued(held: list[ApiKey]) -> Iterator[Event]:
    for row in held:
        yield Event(row.created_at, "key", row.id, f"created ({row.status} now)")
        if row.revoked_at:
            yield Event(row.revoked_at, "key", row.id, "revoked")


def _told(session: Session, checkouts: list[Checkout]) -> Iterator[Event]:
    """Notifications that named one of its sessions, invoices or subscriptions, or were applied to one."""
    rails = Receipt.provider.in_({row.provider for row in checkouts})
    about = or_(
        Receipt.checkout_id.in_([row.id for row in checkouts]),
        and_(rails, Receipt.reference.in_([row.reference for row in checkouts if row.reference])),
        and_(rails, Receipt.agreement.in_([row.agreement for row in checkouts if row.agreement])),
    )
    for row in session.scalars(select(Receipt).where(about).order_by(Receipt.received_at).limit(MOST)):
        text = f"{row.kind}: {row.state}{f' ({row.error})' if row.error else ''}"
        yield Event(row.received_at, "receipt", row.id, text, f"provider:{row.provider}")


def _done(session: Session, order: Order, things: Iterable[Any]) -> Iterator[Event]:
    ids = [order.id, order.entitlement_id, *(thing.id for thing in things)]
    decided = select(Adjustment).where(Adjustment.entitlement_id == order.entitlement_id)
    for one in session.scalars(decided):
        length = f"{one.seconds} s" if one.seconds else None
        text = " ".join(filter(None, [one.kind, one.plan, length, one.reason]))
        yield Event(one.at, "decision", one.id, text, one.actor)
    shared = and_(Parcel.entitlement_id == order.entitlement_id, Parcel.order_id.is_(None))  # not of a renewal's order
    sent = select(Parcel).where(or_(Parcel.order_id == order.id, shared))
    for parcel in session.scalars(sent.order_by(Parcel.created_at).limit(MOST)):
        yield Event(parcel.created_at, "parcel", parcel.id, f"{parcel.kind}: {parcel.state}")
    written = select(AuditEntry).where(AuditEntry.target.in_(ids)).order_by(AuditEntry.at).limit(MOST)
    for entry in session.scalars(written):
        yield Event(entry.at, "audit", entry.id, f"{entry.action} {entry.target}", entry.actor)
