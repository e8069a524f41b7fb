"""What arrived, what went back, and what operators decided about it."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from keystore.models import Entitlement


class Payment(Base):
    """Money that did arrive. With refunds and adjustments, the ledger."""

    __tablename__ = "payments"
    __table_args__ = (UniqueConstraint("provider", "reference"), Index("ix_payments_checkout", "checkout_id"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    checkout_id: Mapped[str] = mapped_column(ForeignKey("checkouts.id"))
    provider: Mapped[str] = mapped_column(String(20))
    reference: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(8))
    sats: Mapped[int | None] = mapped_column(BigInteger)  # what really came, where it came as bitcoin
    state: Mapped[str] = mapped_column(String(16))  # paid | held | refunded | disputed | lost
    plan: Mapped[str] = mapped_column(String(80))
    covers_from: Mapped[datetime | None]
    covers_to: Mapped[datetime | None]
    term_seconds: Mapped[int | None]
    paid_at: Mapped[datetime]
    created_at: Mapped[datetime]


class Refund(Base):
    """Money that went back: a fact of its own, since not every provider's snapshot shows it."""

    __tablename__ = "refunds"
    __table_args__ = (UniqueConstraint("provider", "reference"), Index("ix_refunds_payment", "payment_id"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"))
    provider: Mapped[str] = mapped_column(String(20))
    reference: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(16))  # asking (does not count yet) | pending | succeeded | failed
    link: Mapped[str | None] = mapped_column(Text)  # where the payer claims it, at rails that cannot send by themselves
    created_at: Mapped[datetime]


class Adjustment(Base):
    """What an operator decided about an entitlement. Append-only; the fold reads it like money."""

    __tablename__ = "adjustments"
    __table_args__ = (Index("ix_adjustments_entitlement", "entitlement_id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    entitlement_id: Mapped[str] = mapped_column(ForeignKey(Entitlement.id))
    kind: Mapped[str] = mapped_column(String(16))  # grant | extend | plan | suspend | restore | revoke | accept
    seconds: Mapped[int | None] = mapped_column(BigInteger)  # grant, extend; None with grant: for ever
    plan: Mapped[str | None] = mapped_column(String(80))
    payment_id: Mapped[str | None] = mapped_column(ForeignKey("payments.id"))
    reason: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
