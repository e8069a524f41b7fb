"""How a holder stands: whether the key works, until when, and what comes next."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import books
from app.ledger import Coverage
from app.models import Checkout, Order
from app.subscribing import GOING_ON
from app.tollgate import Tollgate
from keystore.verdict import KeyRecord, Verdict, judge
from providers.events import AgreementState


@dataclass(frozen=True, slots=True)
class Card:
    """A subscription that has not ended. `paid_until`: its last paid period; `ends_at`: the end is decided already."""

    state: AgreementState
    paid_until: datetime | None
    ends_at: datetime | None

    @property
    def renews(self) -> bool:
        """Whether it means to be charged again."""
        return self.ends_at is None and self.state in (AgreementState.ACTIVE, AgreementState.PAST_DUE)


@dataclass(frozen=True, slots=True)
class Holding:
    """`ends_at`: all that is paid for is over then, None for ever; `works_until`: the same with grace."""

    verdict: Verdict
    plan: str
    ends_at: datetime | None
    works_until: datetime | None
    next_plan: str | None
    next_plan_at: datetime | None
    card: Card | None

    @property
    def renewable(self) -> bool:
        """Whether more time is worth offering: not without an end, nor while a card takes care of it or something else is missing."""
        taken_care_of = self.ends_at is None or (self.card is not None and self.card.renews)
        return self.verdict is Verdict.ENDED or (self.verdict is Verdict.VALID and not taken_care_of)


def view_holding(tollgate: Tollgate, record: KeyRecord) -> Holding:
    """What the books say about this key's entitlement now."""
    now = tollgate.clock()
    with tollgate.db.read() as session:
        cover = books.fold(session, tollgate, record.entitlement, now=now)
        card = _card(session, record.entitlement, cover)
    turns = [segment for segment in cover.segments if segment.starts_at > now and segment.plan != record.plan]
    return Holding(
        verdict=judge(record, now),
        plan=record.plan,
        ends_at=record.ends_at,
        works_until=record.ends_at and max(record.ends_at, record.grace_ends_at or record.ends_at),
        next_plan=turns[0].plan if turns else None,
        next_plan_at=turns[0].starts_at if turns else None,
        card=card,
    )


def _card(session: Session, entitlement_id: str, cover: Coverage) -> Card | None:
    row = session.scalars(
        select(Checkout)
        .join(Order)
        .where(Order.entitlement_id == entitlement_id, Checkout.agreement_state.in_(GOING_ON))
        .order_by(Checkout.created_at.desc())
    ).first()
    if row is None:
        return None
    paid = [segment.ends_at for segment in cover.segments if segment.agreement == row.agreement]
    return Card(AgreementState(row.agreement_state or ""), max(paid, default=None), row.agreement_ends_at)
