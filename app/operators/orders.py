"""Orders, for people: finding them, everything about one, and asking its providers again."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, select, union
from sqlalchemy.orm import Session

from app import attention, sync
from app.models import Checkout, Customer, Order, Payment, Refund, fold
from app.operators.paging import read_page
from app.orders import as_view, view_order
from app.problems import ProviderFailed
from app.tollgate import Tollgate
from app.views import OrderView, Page
from keystore.models import ApiKey
from providers import REGISTRY
from providers.base import ProviderError, is_refusal


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders; None leaves a field open. `reference`: anything a provider calls by a name of its own.

    `attention`: a code, or "any".
    """

    email: str | None = None
    key: str | None = None
    reference: str | None = None
    status: str | None = None
    attention: str | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order in a list, and the sentences behind its `attention`."""

    view: OrderView
    reasons: tuple[str, ...]


def list_page(tollgate: Tollgate, only: OrderFilter, *, limit: int = 20, after: str | None = None) -> Page[OrderLine]:
    """Orders, newest first. Raises NotThere for a bad cursor."""
    with tollgate.db.read() as session:
        query = select(Order).where(*_matching(only))
        rows, more = read_page(session, query, Order.created_at, Order.id, limit=limit, after=after)
        return Page(tuple(line_of(tollgate, session, row) for row in rows), more)


def line_of(tollgate: Tollgate, session: Session, order: Order) -> OrderLine:
    """The line of a row that is loaded already."""
    return OrderLine(as_view(tollgate, session, order), tuple(attention.details(order)))


def sync_now(tollgate: Tollgate, order_id: str) -> int:
    """Ask the providers about all its checkouts, finished ones too; how many. Raises OrderNotFound, ProviderFailed."""
    view_order(tollgate, order_id)
    opened = select(Checkout.id, Checkout.provider).where(
        Checkout.order_id == order_id, Checkout.reference.is_not(None)
    )
    with tollgate.db.read() as session:
        asked = session.execute(opened).all()
    for checkout_id, provider in asked:
        try:
            sync.checkout(tollgate, checkout_id)
        except ProviderError as error:
            raise ProviderFailed(provider, order_id=None, refused=is_refusal(error)) from error
    return len(asked)


def _matching(only: OrderFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if only.email is not None:
        whose = select(Customer.id).where(Customer.email_folded == fold(only.email))
        found.append(Order.customer_id.in_(whose))
    if only.key is not None:
        found.append(Order.entitlement_id.in_(select(ApiKey.entitlement_id).where(ApiKey.id == only.key)))
    if only.reference is not None:
        found.append(Order.id.in_(_named_by_provider(only.reference)))
    if only.status is not None:
        found.append(Order.status == only.status)
    if only.attention is not None:
        flagged = Order.attention.is_not(None)
        found.append(flagged if only.attention == "any" else Order.attention == only.attention)
    return found


def _named_by_provider(reference: str) -> CompoundSelect[str]:
    """Orders with a session, an invoice, a subscription, a payment or a refund of that name.

    One query for each, and all rails named: so they are looked up by index. An OR over the joined tables reads them whole.
    """
    opened = select(Checkout.order_id)
    paid = opened.join(Payment)
    return union(
        *(
            query.where(rail.in_(list(REGISTRY)), name == reference)
            for query, rail, name in (
                (opened, Checkout.provider, Checkout.reference),
                (opened, Checkout.provider, Checkout.agreement),
                (paid, Payment.provider, Payment.reference),
                (paid.join(Refund), Refund.provider, Refund.reference),
            )
        )
    )
