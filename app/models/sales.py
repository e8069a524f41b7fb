"""What was wanted and what was tried: customers, orders, checkouts."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.models.base import Base
from keystore.models import Entitlement


def fold(email: str) -> str:
    """One spelling for all capitals of an address."""
    return email.lower()


class Customer(Base):
    """Somebody who bought: an e-mail address, the operator's own user id, or neither (bitcoin buyers may stay unnamed)."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str | None] = mapped_column(String(320))  # as it was given to us
    email_folded: Mapped[str | None] = mapped_column(String(320), index=True)  # as it is looked up
    external_id: Mapped[str | None] = mapped_column(String(200), index=True)
    created_at: Mapped[datetime]

    @validates("email")
    def _fold(self, _name: str, email: str | None) -> str | None:
        """Whoever writes an address makes it findable."""
        self.email_folded = email and fold(email)
        return email


class Order(Base):
    """What the buyer wants: a plan, once, or more time on one they hold."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_entitlement", "entitlement_id"),
        Index("ix_orders_customer", "customer_id"),
        Index("ix_orders_attention", "attention"),
        Index("ix_orders_created", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[str | None] = mapped_column(ForeignKey("customers.id"))
    entitlement_id: Mapped[str] = mapped_column(ForeignKey(Entitlement.id))
    key_id: Mapped[str | None] = mapped_column(String(40))  # the key born with it; renewals have none
    kind: Mapped[str] = mapped_column(String(16), default="new")  # new | renewal
    plan: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(
        String(16), default="open"
    )  # open | processing | paid | expired | canceled | refunded
    attention: Mapped[str | None] = mapped_column(String(40))  # why an operator should look; None: nothing to do
    flags: Mapped[
        dict[str, Any]
    ]  # "overpaid:chk_…" -> {"detail", "open"}: each oddity is raised once, also after it was resolved
    locale: Mapped[str | None] = mapped_column(String(16))
    success_url: Mapped[str | None] = mapped_column(Text)
    cancel_url: Mapped[str | None] = mapped_column(Text)
    idempotency: Mapped[bytes | None] = mapped_column(
        LargeBinary(32), unique=True
    )  # HMAC of the caller's Idempotency-Key
    body_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]


class Checkout(Base):
    """One attempt to pay an order at one provider. What was sold is frozen here; snapshots are compared with it."""

    __tablename__ = "checkouts"
    __table_args__ = (
        UniqueConstraint("provider", "reference"),
        Index("ix_checkouts_order", "order_id"),
        Index("ix_checkouts_agreement", "provider", "agreement"),
        Index("ix_checkouts_state", "state", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    provider: Mapped[str] = mapped_column(String(20))
    account: Mapped[str | None] = mapped_column(String(80))
    livemode: Mapped[bool | None]
    reference: Mapped[str | None] = mapped_column(String(200))  # None until the provider has answered
    nonce: Mapped[str] = mapped_column(String(40))
    attempt: Mapped[int] = mapped_column(default=1)
    plan: Mapped[str] = mapped_column(String(80))
    price: Mapped[str | None] = mapped_column(String(200))
    recurring: Mapped[bool] = mapped_column(default=False)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(8))
    term_seconds: Mapped[int | None]  # prepaid term; None for subscriptions, whose invoices carry their periods
    parameters: Mapped[dict[str, Any]]  # the rest of what was asked of the provider, so that a retry asks the same
    url: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(
        String(16), default="opening"
    )  # opening | open | processing | paid | expired | failed
    agreement: Mapped[str | None] = mapped_column(String(200))  # subscription id
    agreement_state: Mapped[str | None] = mapped_column(String(16))
    agreement_plan: Mapped[str | None] = mapped_column(String(80))  # what its price renews
    agreement_ends_at: Mapped[datetime | None]
    payer: Mapped[str | None] = mapped_column(String(200))  # the provider's customer id: whose billing portal to open
    amount_due: Mapped[int | None] = mapped_column(BigInteger)
    ticket: Mapped[int] = mapped_column(default=0)
    applied_ticket: Mapped[int] = mapped_column(default=0)
    opening_until: Mapped[datetime | None]  # somebody is asking the provider to create it until then
    asked_at: Mapped[datetime | None]  # when a snapshot was last taken
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
