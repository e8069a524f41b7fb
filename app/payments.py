"""What a holder has paid, and what went back."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app import books
from app.models import Checkout, Order, Payment
from app.tollgate import Tollgate


@dataclass(frozen=True, slots=True)
class PaymentView:
    """One payment of an entitlement. `covers_from` and `covers_to` are there for card periods."""

    id: str
    order: str
    provider: str
    state: str  # paid | held | refunded | disputed | lost
    plan: str
    amount: int
    refunded: int
    currency: str
    paid_at: datetime
    covers_from: datetime | None
    covers_to: datetime | None


def list_payments(tollgate: Tollgate, entitlement_id: str) -> tuple[PaymentView, ...]:
    """Every payment of every order of this entitlement, newest first."""
    with tollgate.db.read() as session:
        rows = session.execute(
            select(Payment, Order.id)
            .join(Checkout, Checkout.id == Payment.checkout_id)
            .join(Order, Order.id == Checkout.order_id)
            .where(Order.entitlement_id == entitlement_id)
            .order_by(Payment.paid_at.desc(), Payment.id)
        ).all()
        refunded = books.refunded(session, [payment.id for payment, _ in rows])
    return tuple(
        PaymentView(
            id=payment.id,
            order=order_id,
            provider=payment.provider,
            state=payment.state,
            plan=payment.plan,
            amount=payment.amount,
            refunded=refunded[payment.id],
            currency=payment.currency,
            paid_at=payment.paid_at,
            covers_from=payment.covers_from,
            covers_to=payment.covers_to,
        )
        for payment, order_id in rows
    )
