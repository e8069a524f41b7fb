"""Links that give a new key to whoever lost theirs."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from keystore.models import Entitlement


class Recovery(Base):
    """One link for one entitlement. Of its token only the hash is here; the mail is the only place that holds it."""

    __tablename__ = "recoveries"
    __table_args__ = (Index("ix_recoveries_entitlement", "entitlement_id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    entitlement_id: Mapped[str] = mapped_column(ForeignKey(Entitlement.id))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    key_id: Mapped[str | None] = mapped_column(String(40))  # the key it gave
