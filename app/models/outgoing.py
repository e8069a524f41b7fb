"""Outgoing webhooks: who wants to hear of what, and how each attempt to tell them went."""

from datetime import datetime

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class WebhookEndpoint(Base):
    """A place that is told of events. Its signing secrets are encrypted here."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(JSON)  # names of events; empty: all of them
    description: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16), default="enabled")  # enabled | disabled
    disabled_reason: Mapped[str | None] = mapped_column(String(200))
    secret: Mapped[str] = mapped_column(Text)  # sealed by app.outgoing.vault
    old_secret: Mapped[str | None] = mapped_column(Text)  # signs too until `old_until`
    old_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]  # None: the last attempt went well
    rests_until: Mapped[datetime | None]  # after a failure, so that a dead place does not hold up the others
    created_at: Mapped[datetime]


class Delivery(Base):
    """One attempt to deliver one message to one endpoint."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_endpoint", "endpoint_id", "at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(String(40))
    message_id: Mapped[str] = mapped_column(String(40))
    event: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    status: Mapped[int | None]  # HTTP status; None: no answer
    error: Mapped[str | None] = mapped_column(String(200))  # None: delivered
    milliseconds: Mapped[int]
