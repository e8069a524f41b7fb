"""Everything that was paid since a moment: the store's invoices that carry our order id and are paid, in part or whole."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from providers.base import SeenPayment, Unavailable
from providers.btcpay import invoices
from providers.btcpay.api import Api
from providers.http import BUDGET_SECONDS, within
from providers.money import from_decimal
from providers.reading import dig, moment, objects, text

_EARLIER: Final = timedelta(days=1)  # as long as an invoice is watched after its end; the list goes by when it was made
_PAGE: Final = 100


def payments(api: Api, since: datetime) -> Iterator[SeenPayment]:
    """See ListsPayments. Invoices that something else made in the store carry none of our marks and are passed over."""
    start, skip, found = int((since - _EARLIER).timestamp()), 0, _PAGE
    while found == _PAGE:
        with within(BUDGET_SECONDS):
            listed = {"invoices": api.get(f"{api.invoices}?startDate={start}&skip={skip}&take={_PAGE}")}
        if not isinstance(listed["invoices"], list):
            raise Unavailable("BTCPay answered something that is no list")
        page = objects(listed, "invoices")
        skip, found = skip + _PAGE, len(listed["invoices"])
        for invoice in page:
            order, at = text(invoice, "metadata", "orderId"), moment(invoice, "createdTime")
            price = from_decimal(dig(invoice, "amount"), dig(invoice, "currency"))
            ours = text(invoice, "metadata", "tollgateCheckout") is not None
            if ours and order and at and price and invoices.counts(invoice):
                yield SeenPayment(order, price, at, reference=text(invoice, "id"))
