"""The buttons of the BTCPay test page: what can be done to an invoice now, done and told to the gateway."""

import copy
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sandbox import btcpay_life as life
from sandbox.btcpay_life import CHAIN, LIGHTNING, Invoice
from sandbox.delivery import BTCPAY, Letter
from sandbox.state import Json, NotNow, World, base_url

Run = Callable[[World, Invoice, Json], life.Events]


@dataclass(frozen=True, slots=True)
class Action:
    """A button: its words, what it does, and when it makes sense. `returns`: the buyer is sent back to the shop."""

    label: str
    run: Run
    when: Callable[[Invoice], bool]
    returns: bool = False


def _payable(invoice: Invoice) -> bool:
    return invoice.status == "New"


def _untouched(invoice: Invoice) -> bool:
    return invoice.status == "New" and not invoice.payments


def _part_paid(invoice: Invoice) -> bool:
    return invoice.status == "New" and bool(invoice.payments)


def _expired(invoice: Invoice) -> bool:
    return invoice.status == "Expired"


def _processing(invoice: Invoice) -> bool:
    return invoice.status == "Processing"


def _unconfirmed(invoice: Invoice) -> bool:
    return any(payment.status == "Processing" for payment in invoice.payments)


def _sending(share: str, method: str = CHAIN, *, missing: bool = False) -> Run:
    """Send a share of the whole price, or of what is still missing; `amount` (BTC) or `method` in the request win."""

    def run(world: World, invoice: Invoice, params: Json) -> life.Events:
        whole = invoice.due - invoice.paid() if missing else invoice.due
        value = Decimal(str(params.get("amount") or (whole or Decimal("0.0001")) * Decimal(share)))
        return life.send(world, invoice, value, str(params.get("method") or method))

    return run


def _marking(status: str) -> Run:
    return lambda world, invoice, _: life.mark(world, invoice, status)


def _refund(world: World, invoice: Invoice, params: Json) -> life.Events:
    return life.refund(world, invoice, {"refundVariant": "RateThen", **params}, base_url())[1]


ACTIONS = {
    "pay": Action("Pay in full, on chain", _sending("1", missing=True), _untouched, returns=True),
    "pay_rest": Action("Pay the rest", _sending("1", missing=True), _part_paid, returns=True),
    "pay_lightning": Action("Pay with Lightning", _sending("1", LIGHTNING, missing=True), _payable, returns=True),
    "underpay": Action("Pay only half", _sending("0.5"), _untouched),
    "overpay": Action("Pay half too much", _sending("1.5"), _untouched, returns=True),
    "confirm": Action("The next blocks confirm it", lambda w, i, _: life.confirm(w, i), _unconfirmed),
    "expire": Action("Let the invoice expire", lambda w, i, _: life.expire(w, i), _payable),
    "pay_late": Action("Pay in full, too late", _sending("1", missing=True), _expired),
    "never_confirm": Action("It never confirms", lambda w, i, _: life.never_confirm(w, i), _processing),
    "double_spend": Action("The transaction is replaced", lambda w, i, _: life.double_spend(w, i), _processing),
    "mark_settled": Action("Mark as settled", _marking("Settled"), lambda i: "Settled" in life.markable(i)),
    "mark_invalid": Action("Mark as invalid", _marking("Invalid"), lambda i: "Invalid" in life.markable(i)),
    "refund": Action("Refund", _refund, life.can_refund),
}


def available(invoice: Invoice) -> dict[str, Action]:
    """The buttons to show."""
    return {name: action for name, action in ACTIONS.items() if action.when(invoice)}


def perform(world: World, invoice: Invoice, name: str, params: Json) -> None:
    """Do it and post the events. Raises NotNow, also for an unknown action."""
    if name not in ACTIONS:
        raise NotNow(f"no such action; there are {', '.join(ACTIONS)}")
    tell(world, invoice, ACTIONS[name].run(world, invoice, params))


def tell(world: World, invoice: Invoice, events: life.Events) -> None:
    """Post events about an invoice, with its metadata as it is at this moment."""
    world.postman.post([letter(world, invoice, event) for event in events])


def tick(world: World) -> None:
    """Expire the invoices whose time is up."""
    for invoice in list(world.invoices.values()):
        if invoice.status == "New" and invoice.expires <= world.now():
            tell(world, invoice, life.expire(world, invoice))


def letter(world: World, invoice: Invoice, event: Json) -> Letter:
    """An event as BTCPay posts it. A repetition has a new delivery id, the old time stamp, and another order of fields."""
    original = world.new_id("dlv", 22)
    secret = world.config.btcpay_webhook_secret
    about = {"storeId": invoice.store, "invoiceId": invoice.id, "metadata": copy.deepcopy(invoice.metadata)}
    sent_at = world.now()

    def render(*, first: bool, forged: bool) -> tuple[bytes, dict[str, str]]:
        common = {
            "deliveryId": original if first else world.new_id("dlv", 22),
            "webhookId": "SandboxWebhook",
            "originalDeliveryId": original,
            "isRedelivery": not first,
            "type": event["type"],
            "timestamp": sent_at,
        }
        fields = {**event, **about, **common} if first else {**common, **about, **event}
        body = json.dumps(fields, indent=2, ensure_ascii=False).encode()
        key = b"wrong" if forged else secret.encode()
        signature = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        return body, {"Content-Type": "application/json; charset=utf-8", "BTCPay-Sig": signature}

    return Letter(BTCPAY, event["type"], invoice.id, render)
