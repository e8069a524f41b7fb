"""What may be paid on an entitlement: not on a revoked one, and one subscription is enough. Under its lock."""

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app import attention
from app.models import Checkout, Order
from app.problems import NotRenewable
from keystore.models import Entitlement
from providers.events import AgreementState

GOING_ON = (AgreementState.ACTIVE, AgreementState.PAST_DUE, AgreementState.PAUSED)


def check(session: Session, entitlement_id: str, *, recurring: bool) -> None:
    """Raises NotRenewable."""
    if session.get_one(Entitlement, entitlement_id).status == "revoked":
        raise NotRenewable("it was revoked")
    if recurring and find_agreements(session, entitlement_id):
        raise NotRenewable("it renews by card already: change that in the billing portal")


def find_agreements(session: Session, entitlement_id: str) -> list[str]:
    """Subscriptions that go on paying for it."""
    query = select(Checkout.agreement).join(Order).where(Order.entitlement_id == entitlement_id)
    return [name for name in session.scalars(query.where(Checkout.agreement_state.in_(GOING_ON))) if name]


def may_be_charged() -> ColumnElement[bool]:
    """Whether a checkout's subscription goes on, or came to no end: Stripe's `unpaid` ones are worth nothing and may return."""
    endless = and_(Checkout.agreement.is_not(None), Checkout.agreement_ends_at.is_(None))
    return or_(Checkout.agreement_state.in_(GOING_ON), endless)


def resolve_too_many(session: Session, entitlement_id: str) -> None:
    """Once at most one is left, whoever ended the others: what was flagged about them is settled on every order of the key."""
    ours = select(Checkout.agreement).join(Order).where(Order.entitlement_id == entitlement_id)
    if len(session.scalars(ours.where(may_be_charged())).all()) > 1:
        return
    subscriptions = [name for name in session.scalars(ours) if name]
    flagged = select(Order).where(Order.entitlement_id == entitlement_id, Order.attention.is_not(None))
    for order in session.scalars(flagged):
        attention.resolve_about(order, *subscriptions)
