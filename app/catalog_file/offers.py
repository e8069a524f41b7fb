"""How each rail's offer is written in the catalogue. A new rail adds one reader to OFFERS."""

from collections.abc import Callable
from typing import Final

from app.catalog import Offer
from app.catalog_file.table import Table
from app.catalog_file.words import price, term
from providers.events import Money


def _stripe(table: Table, slug: str) -> Offer | None:
    """None while the price's variable is not set and nothing old needs to stay mapped."""
    reference = table.find_text("price")
    if reference is None and not table.is_unset("price"):
        table.wrong("price", "is missing: the id of a Stripe price, or a variable that will hold it")
    recurring = table.choice("mode", {"subscription": True, "payment": False})
    if recurring and table.text("term"):
        table.wrong("term", "is for one-time prices: a subscription's invoices say how long they pay for")
    words = table.text("term")
    offer = Offer(
        provider="stripe",
        plan=slug,
        price=reference,
        money=_money(table, required=False),
        term=table.read("term", term, words) if words else None,
        recurring=recurring,
        promotion_codes=table.flag("promotion_codes", default=False),
        automatic_tax=table.flag("automatic_tax", default=False),
        on_sale=table.flag("on_sale", default=True) and reference is not None,
        retired=table.texts("retired"),
    )
    _price_ids(table, offer)
    table.close()
    return offer if offer.price or offer.retired else None


def _btcpay(table: Table, slug: str) -> Offer | None:
    words = table.text("term")
    if not words:
        table.wrong("term", 'is missing: what is paid ahead needs an end, such as "30 days"')
    offer = Offer(
        provider="btcpay",
        plan=slug,
        money=_money(table, required=True),
        term=table.read("term", term, words) if words else None,
        recurring=False,
        on_sale=table.flag("on_sale", default=True),
        late=table.choice("late", {"review": "review", "accept": "accept"}) or "review",
    )
    table.close()
    return offer if offer.money and offer.term else None


def _money(table: Table, *, required: bool) -> Money | None:
    """None while the amount's variable is not set."""
    amount, currency = table.find_text("amount"), table.text("currency")
    if table.is_unset("amount"):
        return None
    if amount and currency:
        return table.read("amount", lambda text: price(text, currency), amount)
    if required or amount or currency:
        table.wrong("currency" if amount else "amount", 'is missing: write amount = "12.00" and currency = "USD"')
    return None


def _price_ids(table: Table, offer: Offer) -> None:
    for reference in (offer.price, *offer.retired):
        if reference is not None and (not reference.strip() or len(reference) > 200):
            table.wrong("price", "is no price id")
        elif reference is not None and reference.startswith("prod_"):
            table.wrong("price", "is a product id (prod_…): copy the id of one of its prices (price_…)")


OFFERS: Final[dict[str, Callable[[Table, str], Offer | None]]] = {"stripe": _stripe, "btcpay": _btcpay}
