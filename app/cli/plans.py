"""`tollgate plans`: what is for sale."""

import click

from app.catalog import Offer
from app.cli.common import ACTOR, open_tollgate, report, table
from app.operators import plans
from providers import money


@click.group()
def command() -> None:
    """Show the catalogue, compare it with what providers say, take plans off sale."""


@command.command("list")
def show() -> None:
    """Every plan with its limits and offers."""
    tollgate = open_tollgate()
    catalog, sold = tollgate.catalog, {state.slug: state.on_sale for state in plans.list_all(tollgate)}
    rows = [
        (
            plan.slug,
            ", ".join(f"{rate.limit} in {rate.window} s" for rate in plan.rates) or "no limit",
            plan.quota.limit if plan.quota else None,
            *(_words(catalog.offers.get((plan.slug, provider))) for provider in ("stripe", "btcpay")),
            "yes" if sold[plan.slug] else "no",
        )
        for plan in catalog.plans.values()
    ]
    table(["PLAN", "RATES", "QUOTA", "CARD", "BITCOIN", "ON SALE"], rows)


@command.command()
def check() -> None:
    """Compare every price in the catalogue with the provider's. Exit 1 when they differ."""
    from app.price_check import check_prices  # noqa: PLC0415 (other commands do without it)

    report(check_prices(open_tollgate()))


@command.command("off-sale")
@click.argument("plan")
@click.option("--provider", help="Only at this rail.")
def off_sale(plan: str, provider: str | None) -> None:
    """Sell PLAN no more, on every process within three seconds. Who holds it keeps it."""
    _switch(plan, provider, on_sale=False)


@command.command("on-sale")
@click.argument("plan")
@click.option("--provider", help="Only at this rail.")
def on_sale(plan: str, provider: str | None) -> None:
    """Sell PLAN again, as the catalogue says."""
    _switch(plan, provider, on_sale=True)


def _switch(plan: str, provider: str | None, *, on_sale: bool) -> None:
    state = plans.switch(open_tollgate(), plan, on_sale=on_sale, provider=provider, actor=ACTOR)
    table(["RAIL", "ON SALE", "OFF BY"], [(o.provider, "yes" if o.on_sale else "no", o.off_by) for o in state.offers])


def _words(offer: Offer | None) -> str | None:
    if offer is None or not offer.on_sale:
        return None
    return f"{money.to_decimal(offer.money)} {offer.money.currency}" if offer.money else offer.price
