"""Everything that was paid since a moment: finished sessions and paid invoices that carry our order id."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from providers.base import SeenPayment
from providers.events import Money
from providers.http import BUDGET_SECONDS, within
from providers.reading import ident, moment, objects
from providers.stripe.api import Api
from providers.stripe.charges import money
from providers.stripe.webhooks import agreement_of, order_of

_EARLIER: Final = timedelta(
    days=1
)  # a session may be paid for a day after it was made; both lists go by when it was made
_PAGE: Final = 25  # an answer may not be larger than a megabyte
_PAID: Final = ("paid", "no_payment_required")


def payments(api: Api, since: datetime) -> Iterator[SeenPayment]:
    """See ListsPayments. The first invoice of a subscription is listed beside its session: both lead to one checkout."""
    made = {"created": {"gte": int((since - _EARLIER).timestamp())}}
    for session in _all(api, api.v1.checkout.sessions.list, status="complete", **made):
        if session.get("payment_status") in _PAID:
            yield from _seen(session, "amount_total", reference=ident(session))
    for invoice in _all(api, api.v1.invoices.list, status="paid", **made):
        yield from _seen(invoice, "amount_paid", agreement=agreement_of(invoice))


def _seen(thing: dict[str, Any], field: str, **handles: str | None) -> Iterator[SeenPayment]:
    order, paid, at = order_of(thing), money(thing, field), moment(thing, "created")
    if order and at and any(handles.values()):
        yield SeenPayment(order, paid or Money(0, "USD"), at, **handles)


def _all(api: Api, method: Callable[..., Any], **params: Any) -> Iterator[dict[str, Any]]:
    """Every object of a list, however long. Raises Unavailable, Refused."""
    more = True
    while more:
        with within(BUDGET_SECONDS):
            page = api.ask(method, {"limit": _PAGE, **params})
        found = objects(page, "data")
        yield from found
        params["starting_after"] = ident(found[-1]) if found else None
        more = page.get("has_more") is True and params["starting_after"] is not None
