"""What may be paid on an entitlement: not on a revoked one, and one subscription is enough. Under its lock."""

from sqlalchemy import select
from sqlalchemy.orm import Session

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
