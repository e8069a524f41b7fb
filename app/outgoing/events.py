"""What happened, as messages: one parcel for each endpoint that wants to hear of it, in the transaction of the change."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import outbox
from app.models import WebhookEndpoint
from keystore.ids import base62

EVENTS = (
    "entitlement.changed",
    "key.activated",
    "key.revoked",
    "key.rotated",
    "order.attention",
    "order.paid",
    "refund.created",
)
TEST = "webhook.test"  # on demand, whatever an endpoint listens to


def emit(session: Session, event: str, subject: str, data: dict[str, Any], *, now: datetime) -> None:
    """Tell everybody who listens. `subject` makes it this one occurrence: emitting it again sends nothing.

    `data` is thin: ids, plan, status. Whoever needs more asks the API, and so gets what is true by then.
    """
    for endpoint in session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.status == "enabled")):
        if not endpoint.events or event in endpoint.events:
            address(session, endpoint.id, event, subject, data, now=now)


def address(
    session: Session, endpoint_id: str, event: str, subject: str, data: dict[str, Any], *, now: datetime
) -> str:
    """A parcel for one endpoint. The message's id, which stays the same however often it is sent."""
    message_id = _message_id(event, subject)
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"type": event, "timestamp": moment, "data": data}
    payload = {"endpoint": endpoint_id, "message": message_id, "body": body}
    outbox.add(session, "webhook", dedupe(endpoint_id, message_id), payload, about=data, now=now)
    return message_id


def dedupe(endpoint_id: str, message_id: str) -> str:
    """The parcel of a message to an endpoint, by name."""
    return f"webhook:{endpoint_id}:{message_id}"


def _message_id(event: str, subject: str) -> str:
    digest = hashlib.sha256(f"{event}\0{subject}".encode()).digest()
    return f"msg_{base62(int.from_bytes(digest[:16]), 22)}"
