"""What the world hears of a change: letters and outgoing events, as parcels in the transaction of the change itself.

Worked out from how things stand and never from what triggered it, and each piece of news has a name of its own: hearing the
same facts again says nothing twice.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.mail import letters
from app.models import Checkout, Customer, Order, Payment, Refund
from app.orders import renews_itself
from app.outgoing import events
from app.tollgate import Tollgate
from keystore.changes import Change
from keystore.models import ApiKey, Entitlement
from providers.events import AgreementState


def of_entitlement(
    session: Session, tollgate: Tollgate, entitlement: Entitlement, *, was: str, changed: Change | None, now: datetime
) -> None:
    """After the ledger was folded. `was`: the status before."""
    data = _entitlement(entitlement)
    if changed is not None:
        subject = f"{changed.entitlement_id}:{changed.version}"
        events.emit(session, "entitlement.changed", subject, data, now=now)
    if (was, entitlement.status) == ("pending", "active"):
        for key_id in session.scalars(
            select(ApiKey.id).where(ApiKey.entitlement_id == entitlement.id, ApiKey.status == "active")
        ):
            events.emit(session, "key.activated", key_id, {"key": key_id, **data}, now=now)
    for order in session.scalars(
        select(Order).where(Order.entitlement_id == entitlement.id, Order.attention.is_not(None))
    ):
        of_flags(session, tollgate, order, now=now)
    _refunds(session, entitlement.id, now=now)
    _reminders(session, tollgate, entitlement, now=now)


def of_order(
    session: Session, tollgate: Tollgate, order: Order, *, was: str, payer: str | None = None, now: datetime
) -> None:
    """After the order's status was derived anew. `payer`: the address that the provider reports."""
    if order.status != "paid" or was == "paid":
        return
    events.emit(session, "order.paid", order.id, _order(order), now=now)
    buyer = _address(session, order.customer_id)
    letters.write(session, tollgate, "receipt", order.id, {"order": order.id}, to=buyer, locale=order.locale, now=now)
    if order.kind == "new":
        letters.write(
            session,
            tollgate,
            "activated",
            order.id,
            {"order": order.id},
            to=payer or buyer,
            locale=order.locale,
            now=now,
        )


def of_agreement(session: Session, tollgate: Tollgate, order: Order, checkout: Checkout, *, now: datetime) -> None:
    """After a subscription's state was written down: one letter for each period that could not be charged."""
    if checkout.agreement_state != AgreementState.PAST_DUE:
        return
    entitlement = session.get_one(Entitlement, order.entitlement_id)
    period = entitlement.ends_at.isoformat() if entitlement.ends_at else ""
    letters.write(
        session,
        tollgate,
        "past_due",
        f"{checkout.id}:{period}",
        {"checkout": checkout.id, "order": order.id},
        to=_address(session, order.customer_id),
        locale=order.locale,
        now=now,
    )


def of_flags(session: Session, tollgate: Tollgate, order: Order, *, now: datetime) -> None:
    """Every open flag of an order, to whoever has to look."""
    for name in [name for name, flag in order.flags.items() if flag["open"]]:
        subject, code = f"{order.id}:{name}", name.partition(":")[0]
        events.emit(session, "order.attention", subject, {**_order(order), "attention": code}, now=now)
        letters.write_operator(session, tollgate, "attention", subject, {"order": order.id, "flag": name}, now=now)


def of_key(session: Session, event: str, key_id: str, *, now: datetime, **more: Any) -> None:
    """`key.rotated` or `key.revoked`, each once in a key's life."""
    entitlement = session.scalars(
        select(Entitlement).join(ApiKey, ApiKey.entitlement_id == Entitlement.id).where(ApiKey.id == key_id)
    ).one()
    events.emit(session, event, key_id, {"key": key_id, **more, **_entitlement(entitlement)}, now=now)


def _refunds(session: Session, entitlement_id: str, *, now: datetime) -> None:
    query = (
        select(Refund, Order)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Checkout, Checkout.id == Payment.checkout_id)
        .join(Order, Order.id == Checkout.order_id)
        .where(Order.entitlement_id == entitlement_id, Refund.state.in_(("pending", "succeeded")))
    )
    for refund, order in session.execute(query):
        data = {"refund": refund.id, "payment": refund.payment_id, **_order(order)}
        events.emit(session, "refund.created", refund.id, data, now=now)


def _reminders(session: Session, tollgate: Tollgate, entitlement: Entitlement, *, now: datetime) -> None:
    """For the end as it is now; a letter about an end that has moved on will find nothing to say."""
    ends_at = entitlement.ends_at
    if tollgate.settings.smtp_url is None or entitlement.status != "active" or ends_at is None:
        return
    if renews_itself(session, entitlement.id):
        return
    address = _address(session, entitlement.owner)
    locale = session.scalar(select(Order.locale).where(Order.id == entitlement.reference))
    facts = {"entitlement": entitlement.id, "ends_at": ends_at.isoformat()}
    for days in tollgate.settings.reminder_days:
        due_at = ends_at - timedelta(days=days)
        if due_at > now:
            subject = f"{entitlement.id}:{ends_at.isoformat()}:{days}"
            letters.write(
                session, tollgate, "reminder", subject, facts, to=address, locale=locale, now=now, due_at=due_at
            )


def _address(session: Session, customer_id: str | None) -> str | None:
    customer = session.get(Customer, customer_id) if customer_id else None
    return customer.email if customer else None


def _entitlement(entitlement: Entitlement) -> dict[str, Any]:
    return {"entitlement": entitlement.id, "plan": entitlement.plan, "status": entitlement.status}


def _order(order: Order) -> dict[str, Any]:
    return {"order": order.id, "entitlement": order.entitlement_id, "plan": order.plan, "status": order.status}
