"""The shop window: every plan and how it can be bought now, for the page and for the API."""

from dataclasses import dataclass

from app.catalog import NotOnSale, Offer
from app.pricing import Quote, quote
from app.shelf import is_off
from app.tollgate import Tollgate
from keystore.plans import Plan
from providers.base import ProviderError


@dataclass(frozen=True, slots=True)
class OfferShown:
    """An offer; `quote` is None when it cannot be bought right now."""

    provider: str
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class PlanShown:
    """A plan with its offers, in the order of the catalogue."""

    plan: Plan
    offers: tuple[OfferShown, ...]


def plans_shown(tollgate: Tollgate) -> tuple[PlanShown, ...]:
    """Plans on sale with at least one offer on a rail that is configured."""
    catalog = tollgate.catalog
    on_sale = [plan for slug, plan in catalog.plans.items() if slug not in catalog.off_sale]
    shown = (PlanShown(plan, offers_shown(tollgate, plan.slug)) for plan in on_sale)
    return tuple(item for item in shown if item.offers)


def offers_shown(tollgate: Tollgate, slug: str) -> tuple[OfferShown, ...]:
    """The plan's offers on rails that are configured."""
    offers = [offer for (plan, _), offer in tollgate.catalog.offers.items() if plan == slug]
    configured = [offer for offer in offers if offer.on_sale and offer.provider in tollgate.providers]
    sold = [offer for offer in configured if not is_off(tollgate, offer)]
    return tuple(OfferShown(offer.provider, _quote(tollgate, offer)) for offer in sold)


def renewals_shown(tollgate: Tollgate, slug: str, *, prepaid_only: bool) -> tuple[PlanShown, ...]:
    """What a holder of the plan `slug` can go on with: that plan first. `prepaid_only`: one subscription is enough."""
    shown = (
        PlanShown(item.plan, tuple(offer for offer in item.offers if _fits(offer, prepaid_only=prepaid_only)))
        for item in plans_shown(tollgate)
    )
    return tuple(sorted((item for item in shown if item.offers), key=lambda item: item.plan.slug != slug))


def _fits(offer: OfferShown, *, prepaid_only: bool) -> bool:
    return offer.quote is not None and not (prepaid_only and offer.quote.recurring)


def plan_name(tollgate: Tollgate, slug: str) -> str:
    """How the plan is called; its slug where the catalogue has forgotten it."""
    plan = tollgate.catalog.plans.get(slug)
    return plan.name if plan else slug


def _quote(tollgate: Tollgate, offer: Offer) -> Quote | None:
    try:
        return quote(offer, tollgate.providers[offer.provider], tollgate.prices, now=tollgate.clock(), hurry=True)
    except (NotOnSale, ProviderError):
        return None
