"""The shapes that cross the border between a payment rail and Tollgate. All frozen; no provider's own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in the currency's minor unit (cents; for JPY yen, for KWD fils, for BTC sats) and its ISO code in capitals."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Notification:
    """Bytes somebody posted to a webhook. Nobody has verified them yet."""

    body: bytes
    headers: Mapping[str, str]  # names lower-cased
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Hint:
    """An authentic notification, reduced to "look at this purchase again".

    `event_id` is stable across redeliveries. The provider's own handles say which purchase: `reference` (session or invoice
    that we opened), else `agreement` (subscription), else `payment` (charge, payment intent). `order` is our own id as
    planted in metadata: a pointer to look with, never a proof.
    """

    event_id: str
    kind: str  # the provider's event type, for logs and timelines
    reference: str | None = None
    agreement: str | None = None
    payment: str | None = None
    order: str | None = None
    checkout: str | None = None  # likewise, our own id of the attempt
    account: str | None = None  # a connected Stripe account, a BTCPay store
    livemode: bool | None = None
    refund: str | None = None  # BTCPay: the pull payment of an InvoiceRefund, which the invoice itself does not show


class CheckoutState(StrEnum):
    """How far one attempt to pay has come, as the provider tells it."""

    OPEN = "open"
    PROCESSING = "processing"  # money announced, not final
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"  # declined for good, canceled, or marked invalid


class PaymentState(StrEnum):
    """What one payment is worth now."""

    PAID = "paid"
    HELD = "held"  # arrived but not to be counted until an operator accepts it (late in full)
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    LOST = "lost"  # dispute lost, or marked invalid after it had counted


class Oddity(StrEnum):
    """What an operator should look at. Becomes the order's `attention`."""

    UNDERPAID = "underpaid"  # some money came, not enough, and the time is over
    OVERPAID = "overpaid"
    PAID_LATE = "paid_late"
    INVALID = "paid_invalid"  # money came, and the invoice ended as invalid
    MARKED = "marked_by_hand"


@dataclass(frozen=True, slots=True)
class Sold:
    """What the provider says was sold; None where its answer does not tell. Compared with the frozen checkout, field by field."""

    order: str | None
    amount: Money | None  # before discounts and taxes
    price: str | None = None
    quantity: int | None = None
    account: str | None = None  # store id at BTCPay
    livemode: bool | None = None
    discounted: bool = False
    genuine: bool = True  # False: a BTCPay top-up invoice, or any other type we never create
    nonce: str | None = None  # BTCPay: the checkout's unshown nonce, as the invoice carries it; Stripe: None


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One payment. Reference: Stripe one-time = session, Stripe subscription = invoice, BTCPay = invoice.

    Either a fixed period (`covers_from`, `covers_to`: card subscriptions) or neither (the frozen term applies).
    `price` is the subscription line's price id, where there is one.
    """

    reference: str
    state: PaymentState
    money: Money
    paid_at: datetime
    covers_from: datetime | None = None
    covers_to: datetime | None = None
    price: str | None = None
    sats: int | None = None  # what really came, where it came as bitcoin


@dataclass(frozen=True, slots=True)
class RefundFact:
    """Money that went back. `reference` is the refund's (or pull payment's) own id; `payment` a PaymentFact's reference."""

    reference: str
    payment: str
    money: Money
    state: str  # pending | succeeded | failed


class AgreementState(StrEnum):
    """The state of a subscription that pays on its own."""

    ACTIVE = "active"  # trialing too
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CANCELED = "canceled"  # ended, unpaid, incomplete_expired: nothing more will come


@dataclass(frozen=True, slots=True)
class Agreement:
    """A card subscription. `price` is what it renews at now."""

    reference: str
    state: AgreementState
    cancels_at: datetime | None = None  # the end is already decided
    price: str | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the provider says now about one checkout: the whole truth it can show, in one value."""

    reference: str
    state: CheckoutState
    sold: Sold
    payments: tuple[PaymentFact, ...] = ()
    refunds: tuple[RefundFact, ...] = ()
    agreement: Agreement | None = None
    oddities: frozenset[Oddity] = frozenset()
    amount_due: Money | None = None  # still missing, where part has been paid
    payer_email: str | None = None
    customer: str | None = None
    url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """A price as the provider holds it. `interval` is None for one-time prices, else day | week | month | year."""

    reference: str
    money: Money | None  # None: tiered or customer-chosen, which Tollgate cannot sell
    active: bool
    interval: str | None
    interval_count: int = 1
    livemode: bool = False

    @property
    def recurring(self) -> bool:
        """True when buying it opens a subscription."""
        return self.interval is not None


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """Everything `open` needs. Frozen on our checkout before the provider is asked, so a retry sends the same bytes."""

    checkout: str  # our id, chk_…
    order: str  # our id, ord_…
    attempt: int  # raised only after a definite refusal; part of Stripe's idempotency key
    nonce: str  # 128 bits, never shown to anyone; how BTCPay invoices of ours are recognised
    money: Money
    plan: str
    description: str  # "Pro, 30 days"
    success_url: str
    cancel_url: str
    expires_at: datetime
    price: str | None = None  # Stripe
    recurring: bool = False
    email: str | None = None
    locale: str | None = None
    promotion_codes: bool = False
    automatic_tax: bool = False
    retry: bool = False  # an earlier try may have reached the provider: look before creating


@dataclass(frozen=True, slots=True)
class OpenedCheckout:
    """A checkout the provider has agreed to."""

    reference: str
    url: str
    expires_at: datetime | None
    livemode: bool | None
    money: Money | None = None  # as the provider states it, where it does
