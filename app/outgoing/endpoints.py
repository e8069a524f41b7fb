"""What operators do with endpoints. Each is one transaction with its audit entry; a secret is shown once, when it is made."""

import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete as delete_rows
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import audit
from app.config.values import is_private
from app.keys import UNSET, Unset
from app.models import Delivery, Parcel, WebhookEndpoint
from app.outgoing import egress, events, vault
from app.problems import EndpointNotFound, InvalidInput
from app.tollgate import Tollgate
from keystore.ids import new_id
from keystore.secret import Secret

log = logging.getLogger(__name__)

OVERLAP = timedelta(hours=24)  # both secrets sign for so long after a rotation
LONGEST_URL = 2000
LONGEST_DESCRIPTION = 80
_VISIBLE = re.compile(r"[\x21-\x7e]+")  # the rest belongs percent-encoded, or in Punycode


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint as operators see it. Never its secret."""

    id: str
    url: str
    events: tuple[str, ...]  # empty: all
    description: str | None
    status: str  # enabled | disabled
    disabled_reason: str | None
    failing_since: datetime | None
    rotating_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointChanges:
    """What an operator changes; enabling again forgets the failures."""

    url: str | Unset = UNSET
    events: tuple[str, ...] | Unset = UNSET
    description: str | Unset | None = UNSET
    status: str | Unset = UNSET


def create(
    tollgate: Tollgate, url: str, *, listens_to: tuple[str, ...] = (), description: str | None = None, actor: str
) -> tuple[EndpointView, Secret]:
    """A new endpoint and its signing secret, shown this once. Raises InvalidInput."""
    _check_url(tollgate, url)
    _check_events(listens_to)
    _check_description(description)
    now, secret = tollgate.clock(), vault.new_secret()
    endpoint = WebhookEndpoint(
        id=new_id("whe"),
        url=url,
        events=list(listens_to),
        description=description,
        status="enabled",
        secret=vault.seal(tollgate.settings.secret_bytes, secret),
        created_at=now,
    )
    with tollgate.db.write() as session:
        session.add(endpoint)
        _write(session, "endpoint.created", endpoint, actor=actor, now=now)
        return _view(endpoint, now), secret


def change(tollgate: Tollgate, endpoint_id: str, changes: EndpointChanges, *, actor: str) -> EndpointView:
    """Raises EndpointNotFound, InvalidInput."""
    if not isinstance(changes.url, Unset):
        _check_url(tollgate, changes.url)
    if not isinstance(changes.events, Unset):
        _check_events(changes.events)
    if not isinstance(changes.description, Unset):
        _check_description(changes.description)
    now = tollgate.clock()
    with tollgate.db.write() as session:
        endpoint = hold(session, endpoint_id)
        before = _audited(endpoint)
        for name in ("url", "events", "description", "status"):
            value = getattr(changes, name)
            if not isinstance(value, Unset):
                setattr(endpoint, name, list(value) if isinstance(value, tuple) else value)
        if changes.status == "enabled":
            endpoint.disabled_reason = endpoint.failing_since = endpoint.rests_until = None
        if _audited(endpoint) != before:
            _write(session, "endpoint.changed", endpoint, actor=actor, now=now, before=before)
        return _view(endpoint, now)


def rotate(tollgate: Tollgate, endpoint_id: str, *, actor: str) -> tuple[EndpointView, Secret]:
    """A new secret, shown this once; for a day messages carry a signature of each. Raises EndpointNotFound."""
    now, secret = tollgate.clock(), vault.new_secret()
    with tollgate.db.write() as session:
        endpoint = hold(session, endpoint_id)
        endpoint.old_secret, endpoint.old_until = endpoint.secret, now + OVERLAP
        endpoint.secret = vault.seal(tollgate.settings.secret_bytes, secret)
        _write(session, "endpoint.secret_rotated", endpoint, actor=actor, now=now)
        return _view(endpoint, now), secret


def delete(tollgate: Tollgate, endpoint_id: str, *, actor: str) -> None:
    """The endpoint, its log, and what still waited for it. Raises EndpointNotFound."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        endpoint = hold(session, endpoint_id)
        _write(session, "endpoint.deleted", endpoint, actor=actor, now=now, before=_audited(endpoint))
        session.execute(delete_rows(Delivery).where(Delivery.endpoint_id == endpoint_id))
        waiting = Parcel.dedupe.startswith(events.dedupe(endpoint_id, ""), autoescape=True)
        session.execute(
            update(Parcel).where(Parcel.state == "due", waiting).values(state="parked", error="the endpoint is gone")
        )
        session.delete(endpoint)


def get(tollgate: Tollgate, endpoint_id: str) -> EndpointView:
    """Raises EndpointNotFound."""
    with tollgate.db.read() as session:
        return _view(find(session, endpoint_id), tollgate.clock())


def list_all(tollgate: Tollgate) -> tuple[EndpointView, ...]:
    """Oldest first; there are few."""
    now = tollgate.clock()
    with tollgate.db.read() as session:
        rows = session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.created_at, WebhookEndpoint.id))
        return tuple(_view(row, now) for row in rows)


def find(session: Session, endpoint_id: str) -> WebhookEndpoint:
    """The row. Raises EndpointNotFound."""
    endpoint = session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None:
        raise EndpointNotFound(endpoint_id)
    return endpoint


def hold(session: Session, endpoint_id: str) -> WebhookEndpoint:
    """The row, locked. Raises EndpointNotFound."""
    endpoint = session.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    if endpoint is None:
        raise EndpointNotFound(endpoint_id)
    return endpoint


def _check_url(tollgate: Tollgate, url: str) -> None:
    """Raises InvalidInput for what could never be delivered to. A name nobody knows yet may pass: each delivery looks again."""
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0 and not (parts.username or parts.password or parts.fragment)
    except ValueError:
        sound = False
    if not sound or len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url):
        raise InvalidInput("/url", "write it like https://example.com/hooks, without user name or fragment")
    private = tollgate.settings.allow_private_webhooks
    if not private and is_private(parts.hostname or ""):
        raise InvalidInput("/url", "it leads to a private address")
    try:
        egress.checked_address(url, private=private)
    except egress.Blocked as error:
        raise InvalidInput("/url", str(error)) from None
    except egress.NoAnswer as error:
        log.warning("a webhook endpoint's name cannot be looked up now: %s", error)


def _check_description(text: str | None) -> None:
    if text is not None and not (text.isprintable() and len(text) <= LONGEST_DESCRIPTION):
        raise InvalidInput("/description", f"write one line of at most {LONGEST_DESCRIPTION} characters")


def _check_events(names: tuple[str, ...]) -> None:
    unknown = sorted(set(names) - set(events.EVENTS))
    if unknown:
        raise InvalidInput("/events", f"choose from {', '.join(events.EVENTS)}; leave it empty for all")


def _write(
    session: Session,
    action: str,
    endpoint: WebhookEndpoint,
    *,
    actor: str,
    now: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    after = None if action == "endpoint.deleted" else _audited(endpoint)
    audit.write(session, action, endpoint.id, actor=actor, now=now, before=before, after=after)


def _audited(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in ("url", "events", "description", "status")}


def _view(endpoint: WebhookEndpoint, now: datetime) -> EndpointView:
    rotating = endpoint.old_until is not None and endpoint.old_until > now
    return EndpointView(
        id=endpoint.id,
        url=endpoint.url,
        events=tuple(endpoint.events),
        description=endpoint.description,
        status=endpoint.status,
        disabled_reason=endpoint.disabled_reason,
        failing_since=endpoint.failing_since,
        rotating_until=endpoint.old_until if rotating else None,
        created_at=endpoint.created_at,
    )
