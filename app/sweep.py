"""Ask the providers again about what may have changed without our hearing of it: a lost webhook costs minutes, not a sale."""

import json
import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from app import receipts, sync
from app.models import Checkout, Order
from app.tollgate import Tollgate
from keystore.models import Entitlement
from providers.base import Provider, ProviderError, RemembersEvents
from providers.events import Notification

log = logging.getLogger(__name__)

MOST_CALLS = 20  # a sweep, whatever is open
FEW_CALLS = 3  # of them for each queue where so many wait, however long the more urgent ones are
YOUNG = timedelta(hours=1)
MONITORED = timedelta(days=8)  # BTCPay watches for a day, delayed cards settle within a week
REMEMBERED = timedelta(days=3)  # how far back undelivered notifications are looked for
ABANDONED = timedelta(hours=24)  # a checkout that never reached its provider


def sweep(tollgate: Tollgate) -> int:
    """All of it, one rail after the other. Gives how many checkouts were asked about."""
    tidy(tollgate)
    return sum(sweep_rail(tollgate, rail) for rail in tollgate.providers)


def tidy(tollgate: Tollgate) -> None:
    """What needs no rail: attempts that came to nothing, and receipts whose checkout is known by now."""
    _give_up_unopened(tollgate, tollgate.clock())
    receipts.release_matched(tollgate)


def sweep_rail(tollgate: Tollgate, rail: str) -> int:
    """Bring checkouts of one rail up to date, in its share of `MOST_CALLS`. Gives how many were asked about."""
    now = tollgate.clock()
    due = {name: _due(tollgate, name, now) for name in tollgate.providers}
    others = sum(len(found) for name, found in due.items() if name != rail)
    share = max(MOST_CALLS // len(due), MOST_CALLS - others)  # what the others do not need
    asked = due[rail][: share - _fetch_missed(tollgate, tollgate.providers[rail], now)]
    for checkout_id in asked:
        try:
            sync.checkout(tollgate, checkout_id)
        except ProviderError as error:
            log.warning("sweep: %s: %s", checkout_id, error)
    return len(asked)


def _fetch_missed(tollgate: Tollgate, provider: Provider, now: datetime) -> int:
    """Notifications that the provider could not deliver become receipts like any other. Gives how many calls it took."""
    if not isinstance(provider, RemembersEvents):
        return 0
    try:
        for hint in provider.missed(now - REMEMBERED):
            if not receipts.is_known(tollgate, provider.name, hint.event_id):  # what is parked stays parked
                body = json.dumps({"id": hint.event_id, "type": hint.kind, "found_by": "sweep"}).encode()
                receipts.store(tollgate, provider.name, hint, Notification(body, {}, now))
    except (ProviderError, SQLAlchemyError) as error:
        log.warning("sweep: events of %s: %s", provider.name, error)
    return 1


def _due(tollgate: Tollgate, rail: str, now: datetime) -> list[str]:
    """Whom to ask about: a few of each queue, then the rest of each, the most urgent queue first."""
    with tollgate.db.read() as session:
        queues = [list(session.scalars(_asked_longest_ago(rail, queue))) for queue in _queues(tollgate, now)]
    few = [checkout_id for queue in queues for checkout_id in queue[:FEW_CALLS]]
    rest = [checkout_id for queue in queues for checkout_id in queue[FEW_CALLS:]]
    return [*few, *rest][:MOST_CALLS]


def _queues(tollgate: Tollgate, now: datetime) -> list[ColumnElement[bool]]:
    """Where somebody may wait for a key at this moment; where one may come back for it; and what is looked after.

    Apart, since a thousand subscriptions that are looked after twice a day must hold up nobody who has paid: not the
    buyer of this minute, nor the one whose bitcoin took two hours.
    """
    every = timedelta(seconds=tollgate.settings.sweep_seconds)
    waiting, young = Checkout.state.in_(("open", "processing")), Checkout.created_at > now - YOUNG
    # After its end an invoice may still be paid late or marked by hand, and a session's last webhook may have been lost.
    over = and_(Checkout.state.in_(("expired", "failed")), Checkout.created_at > now - MONITORED)
    renewing = and_(Checkout.agreement.is_not(None), Checkout.state == "paid", Checkout.agreement_state != "canceled")
    ending = Entitlement.ends_at.between(now - MONITORED, now + YOUNG)  # its renewal may have come without our hearing
    patient = or_(
        and_(over, _asked_before(now - 12 * every)),
        and_(renewing, _asked_before(now - timedelta(hours=12))),
        and_(renewing, ending, _asked_before(now - 6 * every)),
    )
    return [
        and_(waiting, young, _asked_before(now - every / 2)),
        and_(waiting, ~young, _asked_before(now - 6 * every)),
        patient,
    ]


def _asked_longest_ago(rail: str, queue: ColumnElement[bool]) -> Select[str]:
    return (
        select(Checkout.id)
        .join(Order, Order.id == Checkout.order_id)
        .join(Entitlement, Entitlement.id == Order.entitlement_id)
        .where(queue, Checkout.reference.is_not(None), Checkout.provider == rail)
        .order_by(func.coalesce(Checkout.asked_at, Checkout.created_at))
        .limit(MOST_CALLS)
    )


def _asked_before(moment: datetime) -> ColumnElement[bool]:
    return or_(Checkout.asked_at.is_(None), Checkout.asked_at <= moment)


def _give_up_unopened(tollgate: Tollgate, now: datetime) -> None:
    with tollgate.db.write() as session:
        session.execute(
            update(Checkout)
            .where(Checkout.state == "opening", Checkout.reference.is_(None), Checkout.created_at < now - ABANDONED)
            .values(state="expired")
        )
