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
    keys = [key for key in _keys_of(session, entitlement_id) if key.id != issued.key_id]
    replaced = {key.id: key for key in keys if ACCOUNT_SCOPE in key.scopes and _lives(key, now)}
    for key in replaced.values():
        if key.successor_id not in replaced:  # else it leads there by that one
            key.successor_id = issued.key_id
        key.expires_at = min(key.expires_at or ends_at, ends_at)
        if grace_seconds <= 0:
            key.status, key.revoked_at = "revoked", now
    session.flush()
    return Reissued(issued, tuple(replaced), ends_at)


def end_replaced(session: Session, store: Keystore, key_id: str, *, now: datetime) -> tuple[str, ...]:
    """End at once what a reissued key replaced. Gives the keys that still lived."""
    living = tuple(key.id for key in _replaced_by(session, key_id) if _lives(key, now))
    for replaced in living:
        store.revoke(replaced, now=now)
    return living


def replaced_by(session: Session, key_id: str) -> tuple[tuple[str, datetime], ...]:
    """What a reissued key replaced, newest first, with the moment at which each ends or ended."""
    ends = ((key.id, _end(key)) for key in _replaced_by(session, key_id))
    return tuple((name, ends_at) for name, ends_at in ends if ends_at is not None)


def _replaced_by(session: Session, key_id: str) -> list[ApiKey]:
    """Whatever leads to it and did not end before it was made: the rotated keys of a key that it replaced, too."""
    made = session.get_one(ApiKey, key_id)
    leading = _leading_to(key_id, _keys_of(session, made.entitlement_id))
    return [key for key in leading if (end := _end(key)) is None or end >= made.created_at]


def _leading_to(key_id: str, keys: list[ApiKey]) -> list[ApiKey]:
    """Those of `keys` that have it as successor, or as successor of their successor, and so on; in their order."""
    found: set[str] = set()
    while nearer := {key.id for key in keys if key.successor_id in {key_id, *found}} - found:
        found |= nearer
    return [key for key in keys if key.id in found]


def _keys_of(session: Session, entitlement_id: str) -> list[ApiKey]:
    """All, newest first, as committed or flushed by now."""
    query = select(ApiKey).where(ApiKey.entitlement_id == entitlement_id)
    query = query.order_by(ApiKey.created_at.desc(), ApiKey.id)
    return list(session.scalars(query, execution_options={"populate_existing": True}))


def _end(key: ApiKey) -> datetime | None:
    return min(filter(None, (key.expires_at, key.revoked_at)), default=None)


def _lives(key: ApiKey, now: datetime) -> bool:
    return key.status != "revoked" and (key.expires_at is None or key.expires_at > now)
