"""From the file's values to plans and offers. Nothing here stops at the first mistake."""

import re
from collections.abc import Collection
from functools import partial
from typing import Any

from app.catalog import Catalog, Offer
from app.catalog_file.offers import OFFERS
from app.catalog_file.source import Source, Unset
from app.catalog_file.table import Table
from app.catalog_file.words import quota, rate
from keystore.plans import Plan, Rate

_SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")
_WINDOW_NAME = re.compile(r"[a-z][a-z0-9_-]{0,19}")
_RESERVED = frozenset({"period", "quota"})  # how the quota is called in answers


def build(source: Source, providers: Collection[str]) -> Catalog:
    """The catalogue; not to be used when `source` has gathered mistakes."""
    top = Table(source, (), source.data)
    plans: dict[str, Plan] = {}
    offers: dict[tuple[str, str], Offer] = {}
    off_sale: set[str] = set()
    for slug, table in top.tables("plans"):
        if not _SLUG.fullmatch(slug):
            table.wrong("", "is no plan name: lower-case letters, digits and hyphens, a letter first, at most 40")
        on_sale = table.flag("on_sale", default=True)
        found = [(name, read(sub, slug)) for name, read in OFFERS.items() if (sub := table.table(name)) is not None]
        if on_sale and not found:
            table.wrong("", f"has no offer: add [plans.{slug}.stripe] or [plans.{slug}.btcpay], or on_sale = false")
        plans[slug] = _plan(table, slug)
        offers |= {(slug, name): offer for name, offer in found if offer is not None}
        off_sale |= set() if on_sale else {slug}
        table.close()
    if not plans:
        source.wrong(("plans",), "there is no plan: add one as [plans.pro]")
    top.close()
    _each_price_once(source, offers)
    _an_offer_for(source, offers, providers)
    return Catalog(plans, offers, frozenset(off_sale))


def _plan(table: Table, slug: str) -> Plan:
    words = table.text("quota")
    return Plan(
        slug=slug,
        name=table.text("name") or slug.replace("-", " ").capitalize(),
        rates=_rates(table.table("rates")),
        quota=table.read("quota", quota, words) if words else None,
        features=table.texts("features"),
        description=table.text("description") or "",
    )


def _rates(table: Table | None) -> tuple[Rate, ...]:
    if table is None:
        return ()
    rates: dict[int, Rate] = {}
    for name in table:
        text = table.text(name)
        if not _WINDOW_NAME.fullmatch(name) or name in _RESERVED:
            table.wrong(name, "is no name for a window: use a short lower-case word other than period and quota")
        found = table.read(name, partial(rate, name), text) if text else None
        if found and found.window in rates:
            table.wrong(name, f"has the same window as {rates[found.window].name}")
        elif found:
            rates[found.window] = found
    table.close()
    return tuple(rates.values())


def _each_price_once(source: Source, offers: dict[tuple[str, str], Offer]) -> None:
    """A price says which plan was bought, for ever: two owners would make that a matter of luck."""
    owners: dict[tuple[str, str], str] = {}
    for (slug, provider), offer in offers.items():
        for price in (offer.price, *offer.retired):
            if price is not None and (provider, price) in owners:
                source.wrong(
                    ("plans", slug, provider, "price"), f"{price} is used twice, first by {owners[provider, price]}"
                )
            elif price is not None:
                owners[provider, price] = slug


def _an_offer_for(source: Source, offers: dict[tuple[str, str], Offer], providers: Collection[str]) -> None:
    for provider in providers:
        if any(name == provider and (offer.price or offer.money) for (_, name), offer in offers.items()):
            continue
        unset = [name for plan in source.data.get("plans", {}).values() for name in _unset_in(plan, provider)]
        hint = f": set {' or '.join(dict.fromkeys(unset))}" if unset else ""
        source.wrong(("plans",), f"{provider} is configured, but no plan can be bought with it{hint}")


def _unset_in(plan: Any, provider: str) -> tuple[str, ...]:
    table = plan.get(provider) if isinstance(plan, dict) else None
    price = table.get("price") if isinstance(table, dict) else None
    return price.names if isinstance(price, Unset) else ()
