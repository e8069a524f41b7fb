"""Who did what: one row in the transaction of the change itself."""

from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.models import AuditEntry
from keystore.ids import new_id

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def write(
    session: Session,
    action: str,
    target: str,
    *,
    actor: str,
    now: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add an entry. `actor`: admin, holder:key_…, provider:stripe, worker."""
    session.add(
        AuditEntry(
            id=new_id("aud"),
            at=now,
            actor=actor,
            action=action,
            target=target,
            before=before,
            after=after,
            request_id=request_id.get(),
        )
    )
