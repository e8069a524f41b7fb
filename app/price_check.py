"""Does the catalogue say what the provider says? Prices are made over there, by hand, and change without telling us."""

from collections.abc import Iterator

from app.catalog import Offer
from app.tollgate import Tollgate
from providers import money
from providers.base import Diagnosis, HasPrices, ProviderError, Unknown
from providers.events import Price


def check_prices(tollgate: Tollgate) -> Iterator[Diagnosis]:
    """One line for each price in the catalogue, retired ones too. Never raises."""
    live = tollgate.settings.mode == "live"
    for name, provider in tollgate.providers.items():
        if isinstance(provider, HasPrices):
            for offer in (offer for offer in tollgate.catalog.offers.values() if offer.provider == name):
                current = (offer.price,) if offer.price else ()
                yield from (_check(provider, offer, reference, live=live) for reference in (*current, *offer.retired))


def _check(provider: HasPrices, offer: Offer, reference: str, *, live: bool) -> Diagnosis:
    name = f"price of {offer.plan}"
    try:
        price = provider.price(reference)
    except Unknown:
        return Diagnosis(
            name,
            "error",
            f"{reference}: {offer.provider} has no such price",
            "copy its id again; test and live prices differ",
        )
    except ProviderError as error:
        return Diagnosis(name, "error", f"{reference}: {error}", "see the lines about the provider itself")
    wrong = list(_differences(offer, price, live=live)) if reference == offer.price else []
    if wrong:
        return Diagnosis(name, "error", f"{reference} {', '.join(wrong)}", "mend the catalogue, or make a new price")
    return Diagnosis(name, "ok", f"{reference}: {_words(price)}" + ("" if reference == offer.price else " (retired)"))


def _differences(offer: Offer, price: Price, *, live: bool) -> Iterator[str]:
    if not price.active:
        yield "is not active"
    if price.money is None:
        yield "has no fixed amount"
    elif offer.money is not None and offer.money != price.money:
        yield f"costs {_amount(price)}, the catalogue says {money.to_decimal(offer.money)} {offer.money.currency}"
    if offer.recurring is not None and offer.recurring != price.recurring:
        yield (
            "is recurring, the catalogue says payment"
            if price.recurring
            else "is one-time, the catalogue says subscription"
        )
    if offer.term is not None and price.recurring:
        yield "is recurring, so the term in the catalogue means nothing"
    if price.livemode != live:
        yield f"is a {'live' if price.livemode else 'test'} price"


def _words(price: Price) -> str:
    every = f" every {price.interval_count} {price.interval}" if price.recurring else " once"
    return _amount(price) + every


def _amount(price: Price) -> str:
    return f"{money.to_decimal(price.money)} {price.money.currency}" if price.money else "no fixed amount"
