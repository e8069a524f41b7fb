"""Who takes a parcel of each kind where it has to go. A carrier may run twice for one parcel; it must not mind."""

from collections.abc import Mapping
from typing import Any

from app import books, recovery
from app.freshness import publish
from app.mail import carrier as mail
from app.models import Checkout
from app.outbox import Away, Carriers, Undeliverable
from app.outgoing import delivery
from app.tollgate import Tollgate
from providers.base import OpensCheckout, Refused, Unavailable, Unknown


def _publish(tollgate: Tollgate, payload: Mapping[str, Any]) -> None:
    tollgate.counter.publish(payload["entitlement"], payload["version"])


def _refold(tollgate: Tollgate, payload: Mapping[str, Any]) -> None:
    """A term of another plan begins: the coverage has not changed, what it means now has."""
    with tollgate.db.write() as session:
        books.keystore(session, tollgate).lock(payload["entitlement"])
        changed = books.settle(session, tollgate, payload["entitlement"], now=tollgate.clock())
    publish(tollgate, changed)


def _close_checkout(tollgate: Tollgate, payload: Mapping[str, Any]) -> None:
    """The order was paid elsewhere. What the provider will not close stays; money that still comes is held and flagged."""
    with tollgate.db.read() as session:
        checkout = session.get_one(Checkout, payload["checkout"])
    if checkout.provider not in tollgate.providers:
        raise Undeliverable(f"{checkout.provider} is not configured any more")
    provider = tollgate.providers[checkout.provider]
    if checkout.reference is None or checkout.state not in ("open", "processing"):
        return  # one that is being opened now gets a parcel of its own when it is
    if not isinstance(provider, OpensCheckout):
        return
    try:
        provider.close(checkout.reference)
    except (Refused, Unknown) as error:
        raise Undeliverable(f"{checkout.provider} does not close {checkout.reference}: {error}") from error
    except Unavailable as error:
        raise Away(f"{checkout.provider}: {error}") from error


CARRIERS: Carriers = {
    "publish": _publish,
    "refold": _refold,
    "close_checkout": _close_checkout,
    "mail": mail.send,
    "recover": recovery.prepare,
    "webhook": delivery.deliver,
}
