"""Tables of the keystore, on a declarative base of their own: usable without the rest of Tollgate."""

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Index, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes everywhere: timestamptz on PostgreSQL, naive UTC text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Into the database. Raises ValueError for a naive datetime: it could mean any moment of a day."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: give it a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Out of it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Declarative base of the keystore's tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {datetime: UTCDateTime(), dict[str, Any]: JSON(), list[str]: JSON()}


class Entitlement(Base):
    """The right to use a plan until a date. Limits belong here: all its keys share them."""

    __tablename__ = "entitlements"
    __table_args__ = (Index("ix_entitlements_owner", "owner"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    reference: Mapped[str] = mapped_column(String(80), unique=True)  # first order's id: one order, one entitlement
    owner: Mapped[str | None] = mapped_column(String(80))
    plan: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(16), default="pending")  # pending | active | suspended | ended | revoked
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]  # paid until; None while active means for ever
    grace_ends_at: Mapped[datetime | None]  # keys keep working until here although ends_at is past
    # overrides of the plan's rates by name: {"minute": 1200}
    limits: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    periods: Mapped[list[list[str | None]]] = mapped_column(
        JSON, default=list
    )  # keystore.periods: the current one, then those to come
    version: Mapped[int] = mapped_column(default=1)  # bumped in each transaction that changes it or its keys
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A credential for an entitlement. Only the MAC of the secret is here."""

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("ix_api_keys_entitlement", "entitlement_id"),
        Index("ix_api_keys_created", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # "key_" + the 12 public characters in the key itself
    entitlement_id: Mapped[str] = mapped_column(ForeignKey("entitlements.id"))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    pepper: Mapped[str] = mapped_column(String(20))  # label of the pepper that made the MAC
    hint: Mapped[str] = mapped_column(String(60))  # "tg_test_4fJk…_…abcd": enough to recognise it, useless to call with
    name: Mapped[str | None] = mapped_column(String(80))
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    status: Mapped[str] = mapped_column(String(16), default="pending")  # pending | active | revoked
    expires_at: Mapped[datetime | None]  # set by rotation: the end of the old key's grace
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    successor_id: Mapped[str | None] = mapped_column(String(40))


class QuotaBlock(Base):
    """How much of a period's quota was handed to counters, in blocks. Never more than the quota; never taken back."""

    __tablename__ = "quota_blocks"

    entitlement_id: Mapped[str] = mapped_column(ForeignKey("entitlements.id"), primary_key=True)
    period: Mapped[str] = mapped_column(String(80), primary_key=True)
    reserved: Mapped[int]
    granted: Mapped[int]  # the last block: so that one statement can both take it and tell its size


class Usage(Base):
    """What a key did on a day (UTC): for charts, not for limits."""

    __tablename__ = "usage"

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
