"""What can be bought now: the catalogue's offer, unless an operator took it off sale."""

from app.catalog import NotOnSale, Offer
from app.tollgate import Tollgate


def offer(tollgate: Tollgate, plan: str, provider: str) -> Offer:
    """Raises UnknownPlan, NotOnSale."""
    found = tollgate.catalog.offer(plan, provider)
    if is_off(tollgate, found):
        raise NotOnSale(f"{plan} by {provider}")
    return found


def is_off(tollgate: Tollgate, found: Offer) -> bool:
    """Whether an operator took this offer off sale."""
    return tollgate.switches.is_off(tollgate.db, found.plan, found.provider, now=tollgate.clock())
