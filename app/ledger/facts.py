"""The values of the ledger: what arrived, how subscriptions stand, what operators decided, and what it all covers."""

from dataclasses import dataclass
from datetime import datetime

from providers.events import AgreementState, PaymentState


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment. A fixed period (`covers_from` to `covers_to`) or a prepaid term of `seconds`."""

    id: str
    order: str
    checkout: str
    state: PaymentState
    paid_at: datetime
    plan: str
    amount: int = 0
    refunded: int = 0
    seconds: int | None = None
    covers_from: datetime | None = None
    covers_to: datetime | None = None
    agreement: str | None = None
    opened_at: datetime | None = None  # when its checkout was opened: tells payments of the same second apart


@dataclass(frozen=True, slots=True)
class Standing:
    """How a card subscription stands now. `plan` is what it renews at."""

    reference: str
    state: AgreementState
    plan: str | None = None
    cancels_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """An operator's adjustment: grant | extend | plan | suspend | restore | revoke | accept."""

    kind: str
    at: datetime
    seconds: int | None = None
    plan: str | None = None
    payment: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time that is paid for.

    `period`: what it is counted as. All that one payment or gift covers is one period; so is all that a card subscription
    covers up to one date, because a change of plan in between is billed as a stretch of its own.
    """

    starts_at: datetime
    ends_at: datetime
    plan: str
    agreement: str | None = None
    period: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the ledger pays for. `held` names payments that arrived but do not count."""

    status: str  # pending | active | suspended | ended | revoked
    plan: str | None
    starts_at: datetime | None
    ends_at: datetime | None  # None while active: for ever
    grace_ends_at: datetime | None
    segments: tuple[Segment, ...]
    held: frozenset[str]
