"""BTCPay's invoices: payments, statuses and the events they cause, by the rules of BTCPay Server 2.4.

Each function that changes an invoice returns its events in the order in which the server sends them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import TypeAlias

from sandbox.state import Json, NotNow, World

SAT = Decimal("0.00000001")
CHAIN, LIGHTNING = "BTC-CHAIN", "BTC-LN"
DIGITS = {"JPY": 0, "KRW": 0, "SATS": 0, "KWD": 3, "BHD": 3, "BTC": 8}  # others: 2
REFUNDABLE_WHEN_EXPIRED = ("PaidLate", "PaidOver", "PaidPartial")

Events: TypeAlias = list[Json]  # type and the fields that only this type has


@dataclass
class Payment:
    """Bitcoin that was sent. `status` is Processing | Settled."""

    id: str
    method: str
    value: Decimal  # BTC
    received: int
    status: str = "Processing"

    def as_json(self) -> Json:
        """As the API shows it."""
        return {
            "id": self.id,
            "receivedDate": self.received,
            "value": f"{self.value:f}",
            "fee": "0.0",
            "status": self.status,
            "destination": f"sandbox-{self.method.lower()}",
        }


@dataclass
class Invoice:
    """An invoice; `amount` in `currency`, None while a top-up waits for its first payment. Times in unix seconds."""

    id: str
    store: str
    amount: Decimal | None
    currency: str
    rate: Decimal  # units of the currency for one bitcoin, fixed at creation
    metadata: Json
    checkout: Json
    receipt: Json
    created: int
    expires: int
    monitored_until: int
    link: str
    top_up: bool = False
    status: str = "New"
    additional: str = "None"
    payments: list[Payment] = field(default_factory=list)

    @property
    def due(self) -> Decimal:
        """The whole price in BTC."""
        return ((self.amount or Decimal(0)) / self.rate).quantize(SAT, ROUND_UP)

    @property
    def enough(self) -> Decimal:
        """What settles it, in BTC, payment tolerance allowed."""
        if self.top_up and not self.amount:
            return SAT
        tolerance = Decimal(str(self.checkout["paymentTolerance"]))
        return self.due * (100 - tolerance) / 100

    def paid(self, *statuses: str) -> Decimal:
        """BTC received, in payments of these statuses (of any, without)."""
        return sum((p.value for p in self.payments if not statuses or p.status in statuses), Decimal(0))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the currency's digits, as BTCPay rounds prices."""
    return amount.quantize(Decimal(1).scaleb(-DIGITS.get(currency, 2)), ROUND_HALF_UP)


def send(world: World, invoice: Invoice, value: Decimal, method: str) -> Events:
    """A buyer sends bitcoin, in time or late. On Lightning or at HighSpeed it is final at once."""
    if invoice.status in ("Settled", "Invalid"):
        raise NotNow(f"the invoice is {invoice.status}")
    if method not in (invoice.checkout["paymentMethods"] or (CHAIN, LIGHTNING)):
        raise NotNow(f"the invoice does not take {method}")
    payment = Payment(world.new_id("pay", 20), method, value.quantize(SAT, ROUND_UP), world.now())
    invoice.payments.append(payment)
    late = invoice.status == "Expired"
    received = _payment_event("InvoiceReceivedPayment", payment, late=late)
    if method == LIGHTNING or invoice.checkout["speedPolicy"] == "HighSpeed":
        payment.status = "Settled"
        return [_payment_event("InvoicePaymentSettled", payment, late=late), received, *_watch(invoice)]
    return [received, *_watch(invoice)]


def confirm(_: World, invoice: Invoice) -> Events:
    """The next blocks confirm every payment."""
    waiting = [payment for payment in invoice.payments if payment.status == "Processing"]
    if not waiting:
        raise NotNow("no payment waits for confirmations")
    for payment in waiting:
        payment.status = "Settled"
    late = invoice.status == "Expired"
    return [*(_payment_event("InvoicePaymentSettled", payment, late=late) for payment in waiting), *_watch(invoice)]


def expire(_: World, invoice: Invoice) -> Events:
    """The time to pay is over."""
    if invoice.status != "New":
        raise NotNow(f"the invoice is {invoice.status}")
    invoice.status = "Expired"
    partial = bool(invoice.payments)
    more: Events = [{"type": "InvoiceExpiredPaidPartial"}] if partial else []
    return [{"type": "InvoiceExpired", "partiallyPaid": partial}, *more]


def never_confirm(_: World, invoice: Invoice) -> Events:
    """Monitoring ends before the payment is final."""
    if invoice.status != "Processing":
        raise NotNow(f"the invoice is {invoice.status}")
    invoice.status = "Invalid"
    return [{"type": "InvoiceInvalid", "manuallyMarked": False}]


def double_spend(_: World, invoice: Invoice) -> Events:
    """The buyer's transaction is replaced. The invoice goes back to New, and no event says so."""
    if invoice.status != "Processing":
        raise NotNow(f"the invoice is {invoice.status}")
    invoice.payments = [payment for payment in invoice.payments if payment.status == "Settled"]
    invoice.status, invoice.additional = "New", "PaidPartial" if invoice.payments else "None"
    return []


def markable(invoice: Invoice) -> list[str]:
    """What an operator may mark it as. One that a payment settled can never become Invalid."""
    by_hand = invoice.additional == "Marked"
    can_settle = invoice.status != "Settled"
    can_invalidate = invoice.status in ("New", "Processing", "Expired") or (invoice.status == "Settled" and by_hand)
    return ["Settled"] * can_settle + ["Invalid"] * can_invalidate


def mark(_: World, invoice: Invoice, status: str) -> Events:
    """An operator overrides the status."""
    if status not in markable(invoice):
        raise NotNow("Status can only be marked to invalid or settled within certain conditions.")
    invoice.status, invoice.additional = status, "Marked"
    extra = {"overPaid": False} if status == "Settled" else {}
    return [{"type": f"Invoice{status}", "manuallyMarked": True, **extra}]


def refund(world: World, invoice: Invoice, asked: Mapping[str, object], base: str) -> tuple[Json, Events]:
    """A pull payment the buyer may claim; the invoice does not change."""
    if not can_refund(invoice):
        raise NotNow("Cannot refund this invoice")
    amount = rounded(invoice.paid() * invoice.rate, invoice.currency)
    if asked.get("refundVariant") == "Custom":
        amount = Decimal(str(asked.get("customAmount", amount)))
    made = {
        "id": world.new_id("pull", 20),
        "name": f"Refund {invoice.id}",
        "description": "",
        "currency": asked.get("customCurrency") or invoice.currency,
        "amount": f"{amount:f}",
        "BOLT11Expiration": "30",
        "autoApproveClaims": False,
        "archived": False,
    }
    made["viewLink"] = f"{base}/btcpay/pull-payments/{made['id']}"
    world.pull_payments[str(made["id"])] = made
    return made, [{"type": "InvoiceRefund", "pullPaymentId": made["id"]}]


def can_refund(invoice: Invoice) -> bool:
    """Money came, and nothing more is expected."""
    late = invoice.status == "Expired" and invoice.additional in REFUNDABLE_WHEN_EXPIRED
    return late or invoice.status in ("Settled", "Invalid")


def settle_free(invoice: Invoice) -> Events:
    """A price of zero is settled at once."""
    invoice.status = "Settled"
    return [{"type": "InvoiceProcessing", "overPaid": False}, _settled(invoice)]


def _watch(invoice: Invoice) -> Events:
    """Move the status on after payments changed."""
    paid = invoice.paid()
    full = paid >= invoice.enough
    if invoice.status == "Expired":
        newly = full and invoice.additional != "PaidLate"
        invoice.additional = "PaidLate" if full else "PaidPartial"
        return [{"type": "InvoicePaidAfterExpiration"}] if newly else []
    events: Events = []
    if invoice.status == "New":
        invoice.additional = _shape(invoice, paid, full=full)
        if full:
            invoice.status = "Processing"
            if invoice.top_up:
                invoice.amount = rounded(paid * invoice.rate, invoice.currency)
            events.append({"type": "InvoiceProcessing", "overPaid": invoice.additional == "PaidOver"})
    if invoice.status == "Processing" and invoice.paid("Settled") >= invoice.enough:
        invoice.status = "Settled"
        events.append(_settled(invoice))
    return events


def _shape(invoice: Invoice, paid: Decimal, *, full: bool) -> str:
    if not full:
        return "PaidPartial"
    return "PaidOver" if paid > invoice.due and not invoice.top_up else "None"


def _settled(invoice: Invoice) -> Json:
    return {"type": "InvoiceSettled", "manuallyMarked": False, "overPaid": invoice.additional == "PaidOver"}


def _payment_event(kind: str, payment: Payment, *, late: bool) -> Json:
    return {"type": kind, "afterExpiration": late, "paymentMethodId": payment.method, "payment": payment.as_json()}
