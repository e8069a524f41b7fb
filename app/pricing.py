"""What an offer costs now: the catalogue's own words, completed by what the provider says about its price."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.catalog import NotOnSale, Offer
from providers.base import HasPrices, Provider, ProviderError
from providers.events import Money, Price

FRESH = timedelta(minutes=5)
SULK = timedelta(seconds=10)
DEFAULT_TERM = timedelta(days=30)  # for a one-time price whose offer names no term


@dataclass(frozen=True, slots=True)
class Quote:
    """An offer with nothing left open. `term` is None for subscriptions: their invoices carry their periods."""

    plan: str
    provider: str
    money: Money
    price: str | None
    recurring: bool
    term: timedelta | None
    interval: str | None = None
    interval_count: int = 1


class PriceBook:
    """Remembers provider prices for five minutes, and that one could not be had for ten seconds.

    An old answer serves while the provider is away; without one, not every page view (in a hurry) has to wait for a time-out.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[datetime, Price]] = {}
        self._failed: dict[str, tuple[datetime, ProviderError]] = {}

    def price(self, provider: HasPrices, reference: str, *, now: datetime, hurry: bool = False) -> Price:
        """Raises ProviderError when it was never seen and cannot be asked. `hurry`: not worth another wait so soon."""
        known, failed = self._seen.get(reference), self._failed.get(reference)
        if known and now - known[0] < FRESH:
            return known[1]
        if hurry and failed and now - failed[0] < SULK:
            return self._make_do(known, failed[1])
        try:
            price = provider.price(reference)
        except ProviderError as error:
            self._failed[reference] = (now, error)
            return self._make_do(known, error)
        self._seen[reference] = (now, price)
        return price

    def _make_do(self, known: tuple[datetime, Price] | None, error: ProviderError) -> Price:
        if known is None:
            raise error
        return known[1]


def quote(offer: Offer, provider: Provider, book: PriceBook, *, now: datetime, hurry: bool = False) -> Quote:
    """Complete the offer; in a `hurry` for pages, patiently for orders.

    Raises NotOnSale for a price that cannot be sold, ProviderError when it cannot be asked.
    """
    money, recurring, interval, count = offer.money, offer.recurring, None, 1
    if offer.price and (money is None or recurring is None) and isinstance(provider, HasPrices):
        price = book.price(provider, offer.price, now=now, hurry=hurry)
        if not price.active or price.money is None:
            raise NotOnSale(f"price {offer.price} cannot be sold: it is inactive or has no fixed amount")
        money, recurring = money or price.money, price.recurring
        interval, count = price.interval, price.interval_count
    if money is None:
        raise NotOnSale(f"the offer of {offer.plan} at {offer.provider} has no amount")
    recurring = bool(recurring)
    term = None if recurring else offer.term or DEFAULT_TERM
    return Quote(offer.plan, offer.provider, money, offer.price, recurring, term, interval, count)
