"""Our books against the providers': after a restored backup, or whenever somebody wants to be sure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app import sync
from app.models import Checkout
from app.tollgate import Tollgate
from providers.base import ListsPayments, SeenPayment


@dataclass(frozen=True, slots=True)
class Found:
    """A payment in a provider's list, and our checkout that it belongs to; None: it has no order here."""

    provider: str
    payment: SeenPayment
    checkout: str | None


def find(tollgate: Tollgate, since: datetime) -> Iterator[Found]:
    """Everything both rails say was paid since then, each checkout once, read as it is used. Raises ProviderError."""
    known: set[str] = set()
    for name, provider in tollgate.providers.items():
        if not isinstance(provider, ListsPayments):
            continue
        for payment in provider.payments_since(since):
            checkout = _checkout_of(tollgate, name, payment)
            if checkout is None or checkout not in known:
                yield Found(name, payment, checkout)
            known |= {checkout} if checkout else set()


def apply(tollgate: Tollgate, checkout_id: str) -> None:
    """Bring one checkout up to date. Raises ProviderError."""
    sync.checkout(tollgate, checkout_id)


def _checkout_of(tollgate: Tollgate, provider: str, payment: SeenPayment) -> str | None:
    query = select(Checkout.id).where(Checkout.provider == provider)
    same = Checkout.reference == payment.reference if payment.reference else Checkout.agreement == payment.agreement
    with tollgate.db.read() as session:
        found = session.scalar(query.where(same))
        if found is None and payment.agreement:  # the subscription of a session whose webhook we never heard
            found = session.scalar(
                query.where(Checkout.order_id == payment.order, Checkout.reference.is_not(None))
                .order_by(Checkout.created_at.desc())
                .limit(1)
            )
    return found
