"""Who may operate this installation, and what they took off sale."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AdminToken(Base):
    """A named token for `/v1/admin`. Only its digest is kept: 256 random bits need no slow hash."""

    __tablename__ = "admin_tokens"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scope: Mapped[str] = mapped_column(String(16))  # read | write; write includes read
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PlanSwitch(Base):
    """A plan, or its offer at one provider, that an operator took off sale. No row: the catalogue decides."""

    __tablename__ = "plan_switches"

    plan: Mapped[str] = mapped_column(String(80), primary_key=True)
    provider: Mapped[str] = mapped_column(String(20), primary_key=True)  # "": at all of them
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
