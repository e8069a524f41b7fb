"""What operators do about money that arrived oddly: count what is held, or say that all is well."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import attention, audit, books, news, outbox
from app.freshness import publish
from app.models import Adjustment, Checkout, Order, Payment
from app.operators.situations import NotHeld, NotPossible, NotThere
from app.problems import InvalidInput
from app.tollgate import Tollgate
from keystore.ids import new_id


def accept(
    tollgate: Tollgate, order_id: str, *, payment: str | None = None, reason: str | None = None, actor: str
) -> str:
    """Count a held payment from now on; its id. Raises OrderNotFound, NotThere, NotHeld, InvalidInput."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, order_id)
        row = _held(session, tollgate, order, payment, now=now)
        session.add(
            Adjustment(
                id=new_id("adj"),
                entitlement_id=order.entitlement_id,
                kind="accept",
                payment_id=row.id,
                reason=reason,
                actor=actor,
                at=now,
            )
        )
        before = {"order": order.status, "attention": order.attention}
        attention.resolve_about(order, row.id, row.checkout_id)
        changed = books.settle(session, tollgate, order.entitlement_id, now=now)
        books.restate(session, order)
        for other in books.open_checkouts(session, order.id):
            outbox.add_closing(session, other, now=now)
        news.of_order(session, tollgate, order, was=before["order"] or "", now=now)
        after = {"order": order.status, "attention": order.attention, "payment": row.id, "reason": reason}
        audit.write(session, "payment.accepted", order.id, actor=actor, now=now, before=before, after=after)
    publish(tollgate, changed)
    return row.id


def resolve(tollgate: Tollgate, order_id: str, *, code: str | None = None, reason: str, actor: str) -> tuple[str, ...]:
    """Close the open flags of that code, or all: looked at, nothing to do. Raises OrderNotFound, NotPossible."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, order_id)
        closed = attention.resolve_codes(order, *([code] if code else attention.open_codes(order)))
        if not closed:
            raise NotPossible("the order has no such flag open" if code else "the order has no flag open")
        after = {"closed": list(closed), "reason": reason}
        audit.write(session, "order.resolved", order.id, actor=actor, now=now, after=after)
    return closed


def payments_of(session: Session, order: Order) -> list[Payment]:
    """All that came for an order, oldest first."""
    query = select(Payment).join(Checkout).where(Checkout.order_id == order.id).order_by(Payment.paid_at, Payment.id)
    return list(session.scalars(query))


def named(payments: list[Payment], payment_id: str | None, *, nothing: Exception) -> Payment:
    """The payment that was named, or the only one; raises `nothing` where there is none."""
    if payment_id is not None:
        payments = [row for row in payments if row.id == payment_id]
    if not payments:
        raise nothing
    if len(payments) > 1:
        raise InvalidInput("/payment", f"there are several, name one: {', '.join(row.id for row in payments)}")
    return payments[0]


def _held(session: Session, tollgate: Tollgate, order: Order, payment_id: str | None, *, now: datetime) -> Payment:
    payments = payments_of(session, order)
    if payment_id is not None:
        named(payments, payment_id, nothing=NotThere(payment_id))
    held = books.fold(session, tollgate, order.entitlement_id, now=now).held
    back = books.refunded(session, [row.id for row in payments])
    waiting = [row for row in payments if row.id in held and back[row.id] == 0 and row.state in ("held", "paid")]
    return named(waiting, payment_id, nothing=NotHeld(payment_id or order.id))
