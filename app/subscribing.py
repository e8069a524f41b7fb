"""What may be paid on an entitlement: not on a revoked one, and one subscription is enough. Under its lock."""

from sqlalchemy import select
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


def resolve_too_many(session: Session, entitlement_id: str) -> None:
    """One of those that went on ended, whoever ended it: the flags about the others are settled on every order of the key."""
    ours = select(Checkout.agreement).join(Order).where(Order.entitlement_id == entitlement_id)
    subscriptions = [name for name in session.scalars(ours) if name]
    flagged = select(Order).where(Order.entitlement_id == entitlement_id, Order.attention.is_not(None))
    for order in session.scalars(flagged):
        attention.resolve_about(order, *subscriptions)
