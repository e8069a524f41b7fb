"""A new key to the account for whoever lost theirs, whatever state the entitlement is in: paid, pending, over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from keystore.changes import Issued
from keystore.models import ApiKey
from keystore.store import ACCOUNT_SCOPE, Keystore


@dataclass(frozen=True, slots=True)
class Reissued:
    """The new key, and those it replaces: they work until `previous_ends_at` and not longer than they would have."""

    issued: Issued
    previous: tuple[str, ...]
    previous_ends_at: datetime


def reissue(
    session: Session,
    store: Keystore,
    entitlement_id: str,
    *,
    grace_seconds: int,
    seed: bytes,
    now: datetime,
    mode: str,
) -> Reissued:
    """Replace every key to the account. Keys for calling only stay as they are. Raises UnknownEntitlement."""
    issued = store.add_key(entitlement_id, now=now, mode=mode, seed=seed, scopes=(ACCOUNT_SCOPE,))
    session.flush()
    ends_at = now + timedelta(seconds=max(0, grace_seconds))
    replaced = [key for key in _account_keys(session, entitlement_id, now) if key.id != issued.key_id]
    for key in replaced:
        key.successor_id = key.successor_id or issued.key_id
        key.expires_at = min(key.expires_at or ends_at, ends_at)
        if grace_seconds <= 0:
            key.status, key.revoked_at = "revoked", now
    session.flush()
    return Reissued(issued, tuple(key.id for key in replaced), ends_at)


def end_replaced(session: Session, store: Keystore, key_id: str, *, now: datetime) -> tuple[str, ...]:
    """End at once what a reissued key replaced. Gives the keys that still lived."""
    query = select(ApiKey.id).where(ApiKey.successor_id == key_id, ApiKey.status != "revoked")
    living = tuple(session.scalars(query))
    for replaced in living:
        store.revoke(replaced, now=now)
    return living


def replaced_by(session: Session, key_id: str) -> tuple[tuple[str, datetime], ...]:
    """What a key replaced, newest first, with the moment at which each ends or ended."""
    keys = session.scalars(select(ApiKey).where(ApiKey.successor_id == key_id).order_by(ApiKey.created_at.desc()))
    ends = ((key.id, key.revoked_at or key.expires_at) for key in keys)
    return tuple((name, ends_at) for name, ends_at in ends if ends_at is not None)


def _account_keys(session: Session, entitlement_id: str, now: datetime) -> list[ApiKey]:
    query = select(ApiKey).where(ApiKey.entitlement_id == entitlement_id, ApiKey.status != "revoked")
    keys = session.scalars(
        query.order_by(ApiKey.created_at.desc(), ApiKey.id), execution_options={"populate_existing": True}
    )
    return [key for key in keys if ACCOUNT_SCOPE in key.scopes and (key.expires_at is None or key.expires_at > now)]
