"""What the page of a paid order is for its holder: the plan, how long it lasts, and how to go on."""

from dataclasses import dataclass

from app.holding import Holding
from app.orders import DONE, page_of
from app.web.holders import ACCOUNT
from app.web.order_cookie import Own
from app.web.parts import tollgate
from app.web.shop import PlanShown, plan_name, renewals_shown
from keystore.periods import quota_of
from keystore.plans import Rate, rates_of
from keystore.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Home:
    """`first`: the order that the key was born with, where that is another. `card`: there is something to manage."""

    plan: str
    rates: tuple[Rate, ...]
    quota: int | None
    holding: Holding
    renewals: tuple[PlanShown, ...]
    card: bool
    first: str | None


def home_of(own: Own, holding: Holding) -> Home | None:
    """None as long as nothing was paid. A key without the scope `account` looks but does not act."""
    if holding.verdict in (Verdict.PENDING, Verdict.REVOKED, Verdict.EXPIRED):
        return None
    record, plan = own.record, tollgate().catalog.plans.get(holding.plan)
    acts = ACCOUNT in record.scopes
    card = holding.card is not None and acts
    offered = acts and holding.renewable and own.order.status in DONE
    first = record.reference if page_of(tollgate(), record.reference) else None
    return Home(
        plan=plan_name(tollgate(), holding.plan),
        rates=rates_of(plan, record.limits) if plan else (),
        quota=quota_of(plan, record) if plan else None,
        holding=holding,
        renewals=renewals_shown(tollgate(), holding.plan, prepaid_only=card) if offered else (),
        card=card,
        first=first if first != own.order.id else None,
    )
