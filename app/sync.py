"""Bring one checkout up to date: ticket, snapshot, one transaction. Every trigger ends here."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update

from app import failpoints, fulfil, receipts
from app.freshness import publish
from app.models import Checkout, Order
from app.patience import ImpatientError
from app.receipts import Leased
from app.subscribing import GOING_ON
from app.tollgate import Tollgate
from providers.base import Provider, ProviderError, ShowsRefund, Unavailable
from providers.events import Snapshot

log = logging.getLogger(__name__)

NUDGE_PAUSE = timedelta(seconds=2)
SUBSCRIPTION_PAUSE = timedelta(seconds=5)  # several calls each, and nobody is through the portal sooner
NUDGE_SECONDS = 2.0  # the page loads itself again anyway


def checkout(tollgate: Tollgate, checkout_id: str, *, leased: Leased | None = None) -> None:
    """Ask the provider and apply its answer. Raises ProviderError, and then nothing has changed but the ticket."""
    provider_name, reference, known, ticket = _take_ticket(tollgate, checkout_id)
    provider = tollgate.providers.get(provider_name)
    if provider is None or reference is None:
        raise Unavailable(f"{provider_name} is not configured, or has not answered yet")
    failpoints.reach("before_snapshot")
    snapshot = _with_hinted_refund(provider, provider.snapshot(reference), leased)
    failpoints.reach("after_snapshot")
    now = tollgate.clock()
    with tollgate.db.write() as session:
        changed = fulfil.apply(session, tollgate, checkout_id, snapshot, ticket=ticket, leased=leased, now=now)
        named = session.get_one(Checkout, checkout_id).agreement  # none where what was sold does not match
        failpoints.reach("before_commit")
    failpoints.reach("after_commit")
    publish(tollgate, changed)
    if named is not None and named != known:
        receipts.release(tollgate, provider_name, named)


def _with_hinted_refund(provider: Provider, snapshot: Snapshot, leased: Leased | None) -> Snapshot:
    """BTCPay's invoices do not show what went back: the refund is asked for that the notification named."""
    if leased is None or leased.hint.refund is None or not isinstance(provider, ShowsRefund):
        return snapshot
    return replace(snapshot, refunds=(*snapshot.refunds, provider.show_refund(snapshot.reference, leased.hint.refund)))


def _take_ticket(tollgate: Tollgate, checkout_id: str) -> tuple[str, str | None, str | None, int]:
    """A later ticket means a later question, so an older answer can be told from a newer one whatever the clocks say."""
    with tollgate.db.write() as session:
        row = session.execute(
            update(Checkout)
            .where(Checkout.id == checkout_id)
            .values(ticket=Checkout.ticket + 1, asked_at=tollgate.clock())
            .returning(Checkout.provider, Checkout.reference, Checkout.agreement, Checkout.ticket)
        ).one()
        return row.provider, row.reference, row.agreement, row.ticket


def nudge(tollgate: Tollgate, order_id: str, *, holder: bool = True) -> None:
    """Somebody is looking: ask about what may have changed unless somebody just did. Never raises provider errors.

    `holder`: whoever looks has shown a key of it. For anybody else only what is not paid yet is asked about.
    """
    for checkout_id, rail in _stale(tollgate, order_id, holder=holder):
        try:
            tollgate.patience.run(rail, checkout, tollgate, checkout_id, seconds=NUDGE_SECONDS)
        except ImpatientError:
            log.info("not waiting for %s about %s", rail, checkout_id)
        except ProviderError as error:
            log.warning("could not ask about %s: %s", checkout_id, error)


def _stale(tollgate: Tollgate, order_id: str, *, holder: bool) -> list[tuple[str, str]]:
    """Unpaid checkouts of the order, and subscriptions that pay for the same key: who comes back from the billing portal
    sees what changed there. Claimed, so that a page that loads itself again asks at most every few seconds.
    """
    now = tollgate.clock()
    waiting = and_(
        Checkout.order_id == order_id, Checkout.state.in_(("open", "processing")), _before(now - NUDGE_PAUSE)
    )
    entitlement = select(Order.entitlement_id).where(Order.id == order_id).scalar_subquery()
    same_key = Checkout.order_id.in_(select(Order.id).where(Order.entitlement_id == entitlement))
    renewing = and_(same_key, Checkout.agreement_state.in_(GOING_ON), _before(now - SUBSCRIPTION_PAUSE))
    stale = select(Checkout.id).where(Checkout.reference.is_not(None), or_(waiting, renewing) if holder else waiting)
    with tollgate.db.read() as session:
        if not session.scalars(stale).first():
            return []
    with tollgate.db.write() as session:
        free = stale.with_for_update(skip_locked=True)  # what somebody holds is being asked about
        claimed = update(Checkout).where(Checkout.id.in_(free)).values(asked_at=now)
        return [(row.id, row.provider) for row in session.execute(claimed.returning(Checkout.id, Checkout.provider))]


def _before(moment: datetime) -> ColumnElement[bool]:
    return or_(Checkout.asked_at.is_(None), Checkout.asked_at < moment)
