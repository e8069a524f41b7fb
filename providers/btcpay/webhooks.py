"""BTCPay's notifications: verify, then reduce. Pure.

There is no freshness check: a redelivery carries the time of the first attempt, which may be weeks ago.
"""

import hashlib
import json
from typing import Any, Final

from providers import signing
from providers.base import NotAuthentic, Unreadable
from providers.events import Hint, Notification
from providers.reading import text

EVENTS: Final = frozenset({
    "InvoiceReceivedPayment",
    "InvoicePaymentSettled",
    "InvoiceProcessing",
    "InvoiceSettled",
    "InvoiceExpired",
    "InvoiceExpiredPaidPartial",
    "InvoicePaidAfterExpiration",
    "InvoiceInvalid",
    "InvoiceRefund",
})  # fmt: skip
# Not InvoiceCreated: it comes for every invoice of the store and tells nothing that its creator does not know.


def verify(note: Notification, secrets: tuple[str, ...]) -> None:
    """Raises NotAuthentic. Every secret is accepted."""
    scheme, _, signature = note.headers.get("btcpay-sig", "").partition("=")
    if scheme != "sha256" or not signing.signed_by_any(secrets, note.body, signature):
        raise NotAuthentic("BTCPay-Sig is missing or wrong")


def reduce(note: Notification) -> list[Hint]:
    """What a verified notification points at; [] for event types we have no use for and for test deliveries. Raises Unreadable."""
    event = _parse(note.body)
    kind, invoice = text(event, "type"), text(event, "invoiceId")
    if kind is None:
        raise Unreadable("an event without type")
    if kind not in EVENTS or invoice is None or invoice.startswith("__test__"):
        return []
    hint = Hint(
        event_id=_event_id(event, note.body),
        kind=kind,
        reference=invoice,
        order=text(event, "metadata", "orderId"),
        account=text(event, "storeId"),
        refund=text(event, "pullPaymentId"),
    )
    return [hint]


def _event_id(event: dict[str, Any], body: bytes) -> str:
    """`deliveryId` is new with every redelivery, `originalDeliveryId` stays; the body's hash where a server sends neither."""
    named = text(event, "originalDeliveryId") or text(event, "deliveryId")
    return named or "sha256:" + hashlib.sha256(body).hexdigest()


def _parse(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(event, dict):
        raise Unreadable("not an object")
    return event
