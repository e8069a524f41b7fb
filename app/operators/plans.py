"""Taking plans off sale and putting them back, at all rails or at one. Who holds a plan keeps it."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from app import audit
from app.models import PlanSwitch
from app.problems import UnknownProvider
from app.switches import EVERYWHERE
from app.tollgate import Tollgate


@dataclass(frozen=True, slots=True)
class OfferState:
    """An offer. `on_sale` is what buyers see; `off_by` says who keeps it off: "catalogue", or an operator."""

    provider: str
    on_sale: bool
    off_by: str | None


@dataclass(frozen=True, slots=True)
class PlanState:
    """A plan of the catalogue with its offers."""

    slug: str
    name: str
    on_sale: bool
    offers: tuple[OfferState, ...]


def list_all(tollgate: Tollgate) -> tuple[PlanState, ...]:
    """Every plan, in the order of the catalogue."""
    with tollgate.db.read() as session:
        off = {(row.plan, row.provider): row.actor for row in session.scalars(select(PlanSwitch))}
    return tuple(_state(tollgate, slug, off) for slug in tollgate.catalog.plans)


def switch(tollgate: Tollgate, slug: str, *, on_sale: bool, provider: str | None = None, actor: str) -> PlanState:
    """Off sale at once, or back to what the catalogue says. Raises UnknownPlan, UnknownProvider."""
    tollgate.catalog.plan(slug)
    if provider is not None and (slug, provider) not in tollgate.catalog.offers:
        raise UnknownProvider(provider)
    now = tollgate.clock()
    with tollgate.db.write() as session:
        chosen = delete(PlanSwitch).where(PlanSwitch.plan == slug)
        session.execute(chosen.where(PlanSwitch.provider == provider) if provider else chosen)
        if not on_sale:
            session.add(PlanSwitch(plan=slug, provider=provider or EVERYWHERE, actor=actor, at=now))
        after = {"on_sale": on_sale, "provider": provider}
        audit.write(session, "plan.switched", slug, actor=actor, now=now, after=after)
    tollgate.switches.forget()
    return next(state for state in list_all(tollgate) if state.slug == slug)


def _state(tollgate: Tollgate, slug: str, off: dict[tuple[str, str], str]) -> PlanState:
    catalog = tollgate.catalog
    shown = []
    for (plan, provider), offer in catalog.offers.items():
        if plan == slug:
            by = off.get((slug, EVERYWHERE)) or off.get((slug, provider))
            by = "catalogue" if not offer.on_sale or slug in catalog.off_sale else by
            shown.append(OfferState(provider, by is None, by))
    return PlanState(slug, catalog.plans[slug].name, any(offer.on_sale for offer in shown), tuple(shown))
