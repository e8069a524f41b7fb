"""The inbox and the outbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Receipt(Base):
    """Proof that we hold a provider's notification: the inbox. Due until its effect is committed."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        Index("ix_receipts_due", "state", "due_at"),
        Index("ix_receipts_reference", "provider", "reference"),
        Index("ix_receipts_agreement", "provider", "agreement"),
        Index("ix_receipts_checkout", "checkout_id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    event_id: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(80))
    reference: Mapped[str | None] = mapped_column(String(200))
    agreement: Mapped[str | None] = mapped_column(String(200))
    hint: Mapped[dict[str, Any]]
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="due")  # due | applied | ignored | parked
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    lease: Mapped[str | None] = mapped_column(String(40))  # fencing token of whoever works on it
    lease_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    checkout_id: Mapped[str | None] = mapped_column(String(40))
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]


class Parcel(Base):
    """Something to send after commit: the outbox."""

    __tablename__ = "parcels"
    __table_args__ = (
        Index("ix_parcels_due", "state", "due_at"),
        Index("ix_parcels_order", "order_id"),
        Index("ix_parcels_entitlement", "entitlement_id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    dedupe: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    order_id: Mapped[str | None] = mapped_column(String(40))  # what it is about, for whoever looks; may be long gone
    entitlement_id: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(16), default="due")  # due | sent | parked | forgotten
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    lease: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
