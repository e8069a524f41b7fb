"""What we think of a key: one pure decision over one flat record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of paid time whose requests are counted together. Its name stays when its ends move. `ends_at` None: for ever."""

    name: str
    starts_at: datetime
    ends_at: datetime | None


class KeyRecord(NamedTuple):
    """A key and its entitlement as the gate needs them: one row, no ORM, safe to cache."""

    key_id: str
    mac: bytes
    pepper: str  # label
    key_status: str  # pending | active | revoked
    key_expires_at: datetime | None
    scopes: tuple[str, ...]
    entitlement: str
    owner: str | None
    reference: str
    plan: str
    ent_status: str  # pending | active | suspended | ended | revoked
    ends_at: datetime | None
    grace_ends_at: datetime | None
    limits: Mapping[str, int] | None
    version: int
    used: bool = False  # whether it was ever noted that the key was used
    periods: tuple[Period, ...] = ()  # the current one, then those to come

    def __repr__(self) -> str:
        """Without the MAC."""
        return f"KeyRecord({self.key_id}, {self.key_status}, {self.entitlement}, {self.plan}, {self.ent_status})"


class Verdict(StrEnum):
    """What we think of a key at one moment."""

    VALID = "VALID"
    PENDING = "PENDING"  # not yet paid
    ENDED = "ENDED"  # paid time and grace are over
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"  # itself, or what it belongs to
    EXPIRED = "EXPIRED"  # rotated out, past its grace


def judge(record: KeyRecord, now: datetime) -> Verdict:
    """The verdict on a key at `now`. What can never work again is said before what may still change.

    The key's own end comes before its entitlement's: a living key of a revoked one still opens the account, a dead key nothing.
    """
    expired = record.key_expires_at is not None and record.key_expires_at <= now
    if record.key_status == "revoked" or (record.ent_status == "revoked" and not expired):
        return Verdict.REVOKED
    if expired:
        return Verdict.EXPIRED
    if record.ent_status == "suspended":
        return Verdict.SUSPENDED
    if record.ent_status == "ended" or _over(record, now):
        return Verdict.ENDED
    if "pending" in (record.key_status, record.ent_status):
        return Verdict.PENDING
    return Verdict.VALID


def works_until(record: KeyRecord) -> datetime | None:
    """The moment that ends a VALID verdict if nothing about the record changes; None: none does.

    The moment itself is already over: periods are half-open, so two of them never overlap.
    """
    return min(filter(None, (record.key_expires_at, _end(record))), default=None)


def _over(record: KeyRecord, now: datetime) -> bool:
    end = _end(record)
    return end is not None and end <= now


def _end(record: KeyRecord) -> datetime | None:
    """Of the paid time and its grace. None: never."""
    return record.ends_at and max(record.ends_at, record.grace_ends_at or record.ends_at)
