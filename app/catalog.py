"""What is for sale: plans and offers, price -> plan. Values here; reading `catalog.toml` is `app.catalog_file`'s work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from keystore.plans import Plan
from providers.events import Money


class UnknownPlan(Exception):
    """No plan has this slug."""


class NotOnSale(Exception):
    """The plan exists but cannot be bought this way now: no offer at that provider, or taken off sale."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A price at a provider and the plan it buys.

    Stripe offers name a `price`; what the catalogue leaves out (money, recurring) is asked of Stripe. Others state `money`
    and `term`. `retired` prices still map to the plan but are not sold. `late`: review | accept (money after expiry).
    """

    provider: str
    plan: str
    price: str | None = None
    money: Money | None = None
    term: timedelta | None = None
    recurring: bool | None = None
    promotion_codes: bool = False
    automatic_tax: bool = False
    on_sale: bool = True
    retired: tuple[str, ...] = ()
    late: str = "review"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every plan by slug, and every offer by (plan, provider)."""

    plans: Mapping[str, Plan]
    offers: Mapping[tuple[str, str], Offer]
    off_sale: frozenset[str] = field(default_factory=frozenset)  # plans kept for those who hold them

    def plan(self, slug: str) -> Plan:
        """Raises UnknownPlan."""
        try:
            return self.plans[slug]
        except KeyError:
            raise UnknownPlan(slug) from None

    def offer(self, slug: str, provider: str) -> Offer:
        """What can be bought now. Raises UnknownPlan, NotOnSale."""
        self.plan(slug)
        offer = self.offers.get((slug, provider))
        if offer is None or not offer.on_sale or slug in self.off_sale:
            raise NotOnSale(f"{slug} by {provider}")
        return offer

    def find_plan_of_price(self, provider: str, price: str) -> str | None:
        """The plan that this price buys, retired prices too; None when nothing here knows it."""
        for offer in self.offers.values():
            if offer.provider == provider and price in (offer.price, *offer.retired):
                return offer.plan
        return None
