"""BTCPay's invoices: made, refused and shown as the Greenfield API does it."""

from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox import btcpay_actions as actions
from sandbox import btcpay_life as life
from sandbox.btcpay_life import CHAIN, LIGHTNING, Invoice
from sandbox.state import Json, World, base_url

SPEEDS = ("HighSpeed", "MediumSpeed", "LowMediumSpeed", "LowSpeed")
CHECKOUT: Json = {
    "speedPolicy": "MediumSpeed",
    "paymentMethods": None,
    "defaultPaymentMethod": None,
    "lazyPaymentMethods": None,
    "expirationMinutes": 15,
    "monitoringMinutes": 1440,
    "paymentTolerance": 0,
    "redirectURL": None,
    "redirectAutomatically": False,
    "defaultLanguage": None,
}


class Refusal(Exception):
    """An answer in one of Greenfield's error shapes."""

    def __init__(self, status: int, body: Json | list[Json]) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def invalid(path: str, message: str) -> Refusal:
    """One field is wrong: a 422 with a list."""
    return Refusal(422, [{"path": path, "message": message}])


def open_invoice(here: World, body: Json, store: str) -> Invoice:
    """Check and store an invoice, and tell the gateway. Also how a stranger's invoice is made."""
    amount = _amount(body.get("amount"))
    currency = str(body.get("currency") or "USD").upper()
    if currency not in here.config.rates:
        raise invalid("currency", "Invalid currency")
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise invalid("metadata", "The metadata is not an object")
    checkout = _checkout(body.get("checkout") or {})
    now = here.now()
    expires = now + int(checkout["expirationMinutes"]) * 60
    name = here.new_id("", 22)
    invoice = Invoice(
        id=name,
        store=store,
        amount=None if amount is None else life.rounded(amount, currency),
        currency=currency,
        rate=here.config.rates[currency],
        metadata=metadata,
        checkout=checkout,
        receipt=body.get("receipt") or {"enabled": None, "showQR": None, "showPayments": None},
        created=now,
        expires=expires,
        monitored_until=expires + int(checkout["monitoringMinutes"]) * 60,
        link=f"{base_url()}/btcpay/i/{name}",
        top_up=amount is None,
    )
    here.invoices[name] = invoice
    free = life.settle_free(invoice) if amount == 0 else []
    actions.tell(here, invoice, [{"type": "InvoiceCreated"}, *free])
    return invoice


def _amount(given: Any) -> Decimal | None:
    if given is None:
        return None
    try:
        amount = Decimal(str(given))
    except InvalidOperation:
        raise invalid("amount", f"Could not convert to decimal: {given}") from None
    if not amount.is_finite() or amount < 0:
        raise invalid("amount", "The amount should be 0 or more.")
    return amount


def _checkout(given: Json) -> Json:
    if not isinstance(given, dict):
        raise invalid("checkout", "The checkout is not an object")
    asked = {name: value for name, value in given.items() if name in CHECKOUT and value is not None}
    checkout = CHECKOUT | asked
    if checkout["speedPolicy"] not in SPEEDS:
        raise invalid("checkout.speedPolicy", "Unknown speed policy")
    for name in ("expirationMinutes", "monitoringMinutes"):
        if not isinstance(checkout[name], int) or checkout[name] < 1:
            raise invalid(f"checkout.{name}", "Expected whole minutes, at least 1")
    tolerance = checkout["paymentTolerance"]
    if not isinstance(tolerance, int | float) or not 0 <= tolerance <= 100:
        raise invalid("checkout.paymentTolerance", "PaymentTolerance can only be between 0 and 100 percent")
    if set(checkout["paymentMethods"] or ()) - {CHAIN, LIGHTNING}:
        raise invalid("checkout.paymentMethods", "Invalid payment method")
    return checkout


def shown(invoice: Invoice) -> Json:
    """The invoice as the API shows it."""
    return {
        "id": invoice.id,
        "storeId": invoice.store,
        "amount": f"{invoice.amount or 0:f}",
        "paidAmount": f"{life.rounded(invoice.paid() * invoice.rate, invoice.currency):f}",
        "currency": invoice.currency,
        "type": "TopUp" if invoice.top_up else "Standard",
        "checkoutLink": invoice.link,
        "createdTime": invoice.created,
        "expirationTime": invoice.expires,
        "monitoringExpiration": invoice.monitored_until,
        "status": invoice.status,
        "additionalStatus": invoice.additional,
        "availableStatusesForManualMarking": life.markable(invoice),
        "archived": False,
        "metadata": invoice.metadata,
        "checkout": invoice.checkout,
        "receipt": invoice.receipt,
    }


def method_shown(invoice: Invoice, method: str) -> Json:
    """One payment method as the API shows it; all amounts in BTC."""
    ours = [payment for payment in invoice.payments if payment.method == method]
    paid = sum((payment.value for payment in ours), Decimal(0))
    return {
        "paymentMethodId": method,
        "currency": "BTC",
        "destination": f"sandbox-{method.lower()}-{invoice.id}",
        "paymentLink": f"bitcoin:sandbox-{invoice.id}?amount={invoice.due:f}",
        "rate": f"{invoice.rate:f}",
        "paymentMethodPaid": f"{paid:f}",
        "totalPaid": f"{invoice.paid():f}",
        "due": f"{max(invoice.due - invoice.paid(), Decimal(0)):f}",
        "amount": f"{invoice.due:f}",
        "paymentMethodFee": "0",
        "payments": [payment.as_json() for payment in ours],
        "activated": True,
        "additionalData": {},
    }
