"""Reading orders."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Checkout, Customer, Order
from app.problems import OrderNotFound
from app.tollgate import Tollgate
from app.views import CheckoutView, OrderView
from providers.events import AgreementState

DONE = frozenset({"paid", "refunded"})
LIVE = frozenset({"opening", "open", "processing"})


def order_url(tollgate: Tollgate, order_id: str) -> str:
    """Our own page of an order: the link that never expires."""
    return f"{tollgate.settings.public_url.rstrip('/')}/orders/{order_id}"


def page_of(tollgate: Tollgate, reference: str) -> str | None:
    """The page of whoever holds an entitlement of that reference; None where an operator gave the key away."""
    return order_url(tollgate, reference) if reference.startswith("ord_") else None


def view_order(tollgate: Tollgate, order_id: str) -> OrderView:
    """One order with all its checkouts. Raises OrderNotFound."""
    with tollgate.db.read() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return as_view(tollgate, session, order)


def as_view(tollgate: Tollgate, session: Session, order: Order) -> OrderView:
    """The view of a row that is loaded already."""
    checkouts = list(
        session.scalars(
            select(Checkout).where(Checkout.order_id == order.id).order_by(Checkout.created_at, Checkout.id)
        )
    )
    customer = session.get(Customer, order.customer_id) if order.customer_id else None
    current = _current(checkouts)
    return OrderView(
        id=order.id,
        kind=order.kind,
        status=order.status,
        plan=order.plan,
        provider=current.provider,
        amount=current.amount,
        currency=current.currency,
        amount_due=_due(order, current),
        checkout_url=current.url if current.state in LIVE else None,
        expires_at=current.expires_at,
        order_url=order_url(tollgate, order.id),
        attention=order.attention,
        created_at=order.created_at,
        paid_at=order.paid_at,
        entitlement=order.entitlement_id,
        key_id=order.key_id,
        email=customer.email if customer else None,
        checkouts=tuple(
            CheckoutView(
                row.id,
                row.provider,
                row.state,
                row.url if row.state in LIVE else None,
                row.amount,
                row.currency,
                row.expires_at,
            )
            for row in checkouts
        ),
    )


def _current(checkouts: list[Checkout]) -> Checkout:
    """The one to show: what was paid, else the newest that can still be, else the newest."""
    paid = [row for row in checkouts if row.state == "paid"]
    live = [row for row in checkouts if row.state in LIVE]
    return (paid[:1] or live[-1:] or checkouts[-1:])[0]


def _due(order: Order, current: Checkout) -> int:
    if order.status in DONE:
        return 0
    return current.amount if current.amount_due is None else current.amount_due


def renews_itself(session: Session, entitlement_id: str) -> bool:
    """Whether a card subscription that means to go on pays for what follows."""
    query = (
        select(Checkout.id)
        .join(Order)
        .where(Order.entitlement_id == entitlement_id, Checkout.agreement_ends_at.is_(None))
        .where(Checkout.agreement_state.in_((AgreementState.ACTIVE, AgreementState.PAST_DUE)))
    )
    return session.scalars(query).first() is not None
