"""Take one message to one endpoint: sign, send, write down how it went; switch off what has been dead for days."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from app import audit
from app.mail.letters import write_operator
from app.models import Delivery, WebhookEndpoint
from app.outbox import Later, NotNow, Undeliverable
from app.outgoing import egress, vault
from app.tollgate import Tollgate
from keystore.ids import new_id

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
)
PATIENCE = timedelta(days=5)  # of failures only, and it is switched off
SHORTEST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(hours=1)
GONE = 410


def deliver(tollgate: Tollgate, payload: Mapping[str, Any]) -> None:
    """Carrier of parcels of kind `webhook`. Raises Later, NotNow, Undeliverable."""
    now = tollgate.clock()
    endpoint = _endpoint(tollgate, payload["endpoint"])
    if endpoint.rests_until is not None and endpoint.rests_until > now:
        raise NotNow(endpoint.rests_until)
    body = json.dumps(payload["body"], separators=(",", ":"), ensure_ascii=False)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Tollgate",
        "webhook-id": payload["message"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(_signatures(tollgate, endpoint, payload["message"], body, now=now)),
    }
    started = monotonic()
    status, error = _send(tollgate, endpoint.url, body.encode(), headers)
    attempt = Delivery(
        id=new_id("dlv"),
        endpoint_id=endpoint.id,
        message_id=payload["message"],
        event=payload["body"]["type"],
        at=now,
        status=status,
        error=error,
        milliseconds=int((monotonic() - started) * 1000),
    )
    with tollgate.db.write() as session:
        _judge(session, tollgate, attempt, now=tollgate.clock())
    if error:
        raise Later(f"{endpoint.id}: {error}", PAUSES)


def _endpoint(tollgate: Tollgate, endpoint_id: str) -> WebhookEndpoint:
    with tollgate.db.read() as session:
        endpoint = session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None or endpoint.status != "enabled":
        raise Undeliverable(f"{endpoint_id} is disabled or gone")
    return endpoint


def _signatures(tollgate: Tollgate, endpoint: WebhookEndpoint, message: str, body: str, *, now: datetime) -> list[str]:
    """One for each secret in force: two while it is being rotated."""
    sealed = [endpoint.secret]
    if endpoint.old_secret and endpoint.old_until and endpoint.old_until > now:
        sealed.append(endpoint.old_secret)
    try:
        known = [vault.unseal(tollgate.settings.secret_bytes, item) for item in sealed]
    except vault.Unreadable:
        raise Undeliverable(f"{endpoint.id}: SECRET_KEY has changed; rotate the endpoint's secret") from None
    return [Webhook(secret.reveal()).sign(message, now, body) for secret in known]


def _send(tollgate: Tollgate, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, str | None]:
    """The status, and what was wrong; a redirect is wrong like any other answer but 2xx."""
    try:
        status = egress.post(url, body, headers, private=tollgate.settings.allow_private_webhooks)
    except (egress.Blocked, egress.NoAnswer) as error:
        return None, str(error)
    return status, None if 200 <= status < 300 else f"answered {status}"


def _judge(session: Session, tollgate: Tollgate, attempt: Delivery, *, now: datetime) -> None:
    """Write it down, and what it means for the endpoint. One that was deleted meanwhile has no log that could be forgotten."""
    endpoint = session.get(WebhookEndpoint, attempt.endpoint_id, with_for_update=True)
    if endpoint is None:
        return
    session.add(attempt)
    if endpoint.status != "enabled":
        return
    if attempt.error is None:
        endpoint.failing_since = endpoint.rests_until = None
        return
    endpoint.failing_since = endpoint.failing_since or now
    failing = now - endpoint.failing_since
    endpoint.rests_until = now + rest(failing, timedelta(milliseconds=attempt.milliseconds))
    if attempt.status == GONE:
        _switch_off(session, tollgate, endpoint, "it answered 410 Gone", now=now)
    elif failing >= PATIENCE:
        _switch_off(session, tollgate, endpoint, f"nothing but failures for {PATIENCE.days} days", now=now)


def rest(failing: timedelta, took: timedelta) -> timedelta:
    """How long nothing is sent there: what is slow to fail gets a fifth of a worker's time, what is long dead next to none."""
    return max(SHORTEST_REST, 4 * took, min(failing / 8, LONGEST_REST))


def _switch_off(session: Session, tollgate: Tollgate, endpoint: WebhookEndpoint, why: str, *, now: datetime) -> None:
    endpoint.status, endpoint.disabled_reason = "disabled", why
    audit.write(session, "endpoint.disabled", endpoint.id, actor="worker", now=now, after={"reason": why})
    facts = {"endpoint": endpoint.id, "url": endpoint.url, "why": why}
    write_operator(session, tollgate, "endpoint", f"{endpoint.id}:{now.isoformat()}", facts, now=now)
