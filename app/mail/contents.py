"""What each letter says, looked up when it is sent. None: there is nothing to say any more, so it is not sent."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import links, orders
from app.models import Checkout, Order, Recovery
from app.tollgate import Tollgate
from keystore.models import Entitlement
from providers.events import AgreementState

Facts = Mapping[str, Any]
Contents = dict[str, Any] | None


def _receipt(session: Session, tollgate: Tollgate, facts: Facts) -> Contents:
    order = session.get_one(Order, facts["order"])
    view = orders.as_view(tollgate, session, order)
    entitlement = session.get_one(Entitlement, order.entitlement_id)
    return {
        "plan": _plan(tollgate, order.plan),
        "amount": view.amount,
        "currency": view.currency,
        "paid_at": order.paid_at,
        "order": order.id,
        "order_url": view.order_url,
        "ends_at": None if orders.renews_itself(session, entitlement.id) else entitlement.ends_at,
        "renewal": order.kind == "renewal",
    }


def _activated(session: Session, tollgate: Tollgate, facts: Facts) -> Contents:
    order = session.get_one(Order, facts["order"])
    return {
        "plan": _plan(tollgate, order.plan),
        "order": order.id,
        "order_url": orders.order_url(tollgate, order.id),
        "stranger_url": links.stranger(tollgate.settings, order.id),
    }


def _reminder(session: Session, tollgate: Tollgate, facts: Facts) -> Contents:
    entitlement = session.get_one(Entitlement, facts["entitlement"])
    ends_at = datetime.fromisoformat(facts["ends_at"])
    renewed = entitlement.ends_at != ends_at or orders.renews_itself(session, entitlement.id)
    if renewed or entitlement.status != "active" or ends_at <= tollgate.clock():
        return None
    return {
        "plan": _plan(tollgate, entitlement.plan),
        "ends_at": ends_at,
        "works_until": entitlement.grace_ends_at or ends_at,
        "days": max(1, round((ends_at - tollgate.clock()) / timedelta(days=1))),
        "order_url": orders.page_of(tollgate, entitlement.reference),
        "docs_url": f"{tollgate.settings.public_url}/docs",
    }


def _past_due(session: Session, tollgate: Tollgate, facts: Facts) -> Contents:
    checkout = session.get_one(Checkout, facts["checkout"])
    order = session.get_one(Order, checkout.order_id)
    entitlement = session.get_one(Entitlement, order.entitlement_id)
    if checkout.agreement_state != AgreementState.PAST_DUE:
        return None
    return {
        "plan": _plan(tollgate, entitlement.plan),
        "works_until": entitlement.grace_ends_at or entitlement.ends_at,
        "order_url": orders.order_url(tollgate, order.id),
    }


def _attention(session: Session, tollgate: Tollgate, facts: Facts) -> Contents:
    order = session.get_one(Order, facts["order"])
    flag = order.flags.get(facts["flag"], {})
    if not flag.get("open"):
        return None
    return {
        "code": facts["flag"].partition(":")[0],
        "detail": flag["detail"],
        "order": order.id,
        "plan": _plan(tollgate, order.plan),
        "order_url": orders.order_url(tollgate, order.id),
    }


def _recovery(session: Session, tollgate: Tollgate, facts: Facts) -> Contents:
    """A link for each plan that the address holds; the token is worked out here and is nowhere but in the letter."""
    rows = session.scalars(select(Recovery).where(Recovery.id.in_(facts["recoveries"]), Recovery.claimed_at.is_(None)))
    usable = [row for row in rows if row.expires_at > tollgate.clock()]
    if not usable:
        return None
    plans = {row.id: session.get_one(Entitlement, row.entitlement_id).plan for row in usable}
    return {
        "links": [
            (_plan(tollgate, plans[row.id]), links.recovery(tollgate.settings, row.id))
            for row in sorted(usable, key=lambda row: facts["recoveries"].index(row.id))
        ],
        "expires_at": usable[0].expires_at,
    }


def _as_given(_session: Session, _tollgate: Tollgate, facts: Facts) -> Contents:
    return dict(facts)


CONTENTS: Mapping[str, Callable[[Session, Tollgate, Facts], Contents]] = {
    "receipt": _receipt,
    "activated": _activated,
    "reminder": _reminder,
    "past_due": _past_due,
    "attention": _attention,
    "recovery": _recovery,
    "endpoint": _as_given,
}


def _plan(tollgate: Tollgate, slug: str) -> str:
    plan = tollgate.catalog.plans.get(slug)
    return plan.name if plan else slug
