"""GET /v1/plans: what is for sale."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel

from app.web.answers import answer, problems
from app.web.parts import tollgate
from app.web.rails import rail
from app.web.shop import OfferShown, PlanShown, plans_shown
from keystore.plans import Rate

api = APIBlueprint("plans", __name__, url_prefix="/v1", abp_tags=[Tag(name="Buying")], abp_responses=problems())


class Limit(BaseModel):
    """At most `limit` requests in each aligned window of `window` seconds."""

    name: str
    limit: int
    window: int


class OfferOut(BaseModel):
    """A way to buy a plan. `amount` in minor units of `currency`; `term_days` null: renews by itself every `interval`."""

    provider: str
    label: str
    available: bool
    amount: int | None
    currency: str | None
    recurring: bool | None
    interval: str | None
    term_days: int | None
    fees: str
    waiting_time: str


class PlanOut(BaseModel):
    """A plan. `quota` is per paid period."""

    id: str
    name: str
    description: str
    features: list[str]
    limits: list[Limit]
    quota: int | None
    offers: list[OfferOut]


class PlanList(BaseModel):
    """Every plan on sale, in the order of the catalogue."""

    object: str = "list"
    has_more: bool = False
    data: list[PlanOut]


@api.get("/plans", operation_id="list_plans", responses={200: PlanList})
def list_plans() -> Response:
    """Plans on sale, with a price for each payment rail

    The words about fees and waiting times follow Accept-Language.
    """
    shown = plans_shown(tollgate())
    response = answer(PlanList(data=[_plan(item) for item in shown]))
    response.vary.add("Accept-Language")
    return response


def _plan(item: PlanShown) -> PlanOut:
    plan = item.plan
    return PlanOut(
        id=plan.slug,
        name=plan.name,
        description=plan.description,
        features=list(plan.features),
        limits=[_limit(rate) for rate in plan.rates],
        quota=plan.quota.limit if plan.quota else None,
        offers=[_offer(offer) for offer in item.offers],
    )


def _limit(rate: Rate) -> Limit:
    return Limit(name=rate.name, limit=rate.limit, window=rate.window)


def _offer(offer: OfferShown) -> OfferOut:
    words, quote = rail(offer.provider), offer.quote
    return OfferOut(
        provider=offer.provider,
        label=str(words.label),
        available=quote is not None,
        amount=quote.money.amount if quote else None,
        currency=quote.money.currency if quote else None,
        recurring=quote.recurring if quote else None,
        interval=quote.interval if quote else None,
        term_days=quote.term.days if quote and quote.term else None,
        fees=str(words.fees),
        waiting_time=str(words.waiting),
    )
