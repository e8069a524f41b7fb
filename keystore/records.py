"""Reading keys as flat frozen values: Core selects over both tables, no ORM objects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, tuple_

from keystore.errors import UnknownKey
from keystore.models import ApiKey, Entitlement
from keystore.periods import from_json
from keystore.verdict import KeyRecord

_Row = Row[*tuple[Any, ...]]
_Query = Select[*tuple[Any, ...]]

_key = ApiKey.__table__.c
_entitlement = Entitlement.__table__.c

# In the order of KeyRecord's fields.
_RECORD = (
    *(_key.id, _key.mac, _key.pepper, _key.status, _key.expires_at, _key.scopes),
    *(_entitlement.id, _entitlement.owner, _entitlement.reference, _entitlement.plan, _entitlement.status),
    *(_entitlement.ends_at, _entitlement.grace_ends_at, _entitlement.limits, _entitlement.version),
    _key.last_used_at.is_not(None),
    _entitlement.periods,
)
# In the order of KeyInfo's fields after the record.
_REST = (_key.hint, _key.name, _key.created_at, _key.last_used_at, _key.revoked_at, _key.successor_id)

_JOINED = ApiKey.__table__.join(Entitlement.__table__)
_ONE_RECORD: _Query = select(*_RECORD).select_from(_JOINED).where(_key.id == bindparam("key_id"))
_INFOS: _Query = select(*_RECORD, *_REST).select_from(_JOINED)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as its keepers see it: the gate's record, and what only people look at."""

    record: KeyRecord
    hint: str
    name: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    successor_id: str | None

    @property
    def id(self) -> str:
        """The key's public id."""
        return self.record.key_id


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Keys, newest first; the last one's id is the cursor to the next page."""

    keys: tuple[KeyInfo, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys to list; None leaves a field open. The statuses are the stored ones, not verdicts."""

    entitlement: str | None = None
    owner: str | None = None
    plan: str | None = None
    key_status: str | None = None
    ent_status: str | None = None


def read_record(connection: Connection, key_id: str) -> KeyRecord | None:
    """What the gate must know about a key: one indexed SELECT."""
    row = connection.execute(_ONE_RECORD, {"key_id": key_id}).first()
    return None if row is None else _record(row)


def read_info(connection: Connection, key_id: str) -> KeyInfo | None:
    """What a keeper may know about a key."""
    row = connection.execute(_INFOS.where(_key.id == key_id)).first()
    return None if row is None else _info(row)


def read_page(connection: Connection, *, limit: int, after: str | None, only: KeyFilter) -> KeyPage:
    """The `limit` keys that follow the key `after`. Raises UnknownKey for a cursor that is no key."""
    query = _narrow(_INFOS, only).order_by(_key.created_at.desc(), _key.id.desc()).limit(limit + 1)
    if after is not None:
        last = connection.execute(select(_key.created_at, _key.id).where(_key.id == after)).first()
        if last is None:
            raise UnknownKey(after)
        query = query.where(tuple_(_key.created_at, _key.id) < tuple_(*last))
    rows = connection.execute(query).all()
    return KeyPage(tuple(_info(row) for row in rows[:limit]), has_more=len(rows) > limit)


def _narrow(query: _Query, only: KeyFilter) -> _Query:
    wanted = (
        (_entitlement.id, only.entitlement),
        (_entitlement.owner, only.owner),
        (_entitlement.plan, only.plan),
        (_key.status, only.key_status),
        (_entitlement.status, only.ent_status),
    )
    return query.where(*(column == value for column, value in wanted if value is not None))


def _record(row: _Row) -> KeyRecord:
    *fields, periods = row[: len(_RECORD)]
    record = KeyRecord._make([*fields, from_json(periods)])
    return record._replace(scopes=tuple(record.scopes))


def _info(row: _Row) -> KeyInfo:
    return KeyInfo(_record(row), *row[len(_RECORD) :])
