"""Invoices: how one is asked for, and what one says."""

import math
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from providers.base import Unavailable
from providers.events import (
    CheckoutRequest,
    CheckoutState,
    Money,
    Oddity,
    OpenedCheckout,
    PaymentFact,
    PaymentState,
    Snapshot,
    Sold,
)
from providers.money import from_decimal, to_decimal
from providers.reading import dig, moment, objects, text

_STATES: Final = {
    "New": CheckoutState.OPEN,
    "Processing": CheckoutState.PROCESSING,
    "Settled": CheckoutState.PAID,
    "Expired": CheckoutState.EXPIRED,
    "Invalid": CheckoutState.FAILED,
}
_LATE: Final = frozenset({"PaidLate", "PaidOver"})  # of an expired invoice: all of it came, too late
_LANGUAGES: Final = {
    "cs": "cs-CZ", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "hr": "hr-HR", "is": "is-IS", "ja": "ja-JP", "nl": "nl-NL", "pt": "pt-PT",
}  # fmt: skip  # for others BTCPay follows the browser


def body(request: CheckoutRequest, *, speed_policy: str, now: datetime) -> dict[str, Any]:
    """The body of the create call. Tolerance and speed are sent always: left out, the store's own settings would decide."""
    metadata = {
        "orderId": request.order,
        "tollgateCheckout": request.checkout,
        "tollgateNonce": request.nonce,
        "itemDesc": request.description,
    }
    checkout: dict[str, Any] = {
        "speedPolicy": speed_policy,
        "expirationMinutes": max(1, math.ceil((request.expires_at - now).total_seconds() / 60)),
        "monitoringMinutes": 1440,
        "paymentTolerance": 0,
        "redirectURL": request.success_url,
        "redirectAutomatically": True,
    }
    if request.email:
        metadata["buyerEmail"] = request.email
    if language := _LANGUAGES.get((request.locale or "").replace("_", "-").partition("-")[0]):
        checkout["defaultLanguage"] = language
    return {
        "amount": to_decimal(request.money),
        "currency": request.money.currency,
        "metadata": metadata,
        "checkout": checkout,
    }


def made_for(invoice: dict[str, Any], request: CheckoutRequest) -> bool:
    """True when an earlier try of this very request made the invoice. The order id alone proves nothing: strangers can set it."""
    nonce = text(invoice, "metadata", "tollgateNonce")
    return nonce == request.nonce and _amount(invoice) == request.money and invoice.get("status") != "Invalid"


def opened(invoice: Any) -> OpenedCheckout:
    """A created invoice. Raises Unavailable, not definite, when it names no id or no page to pay on."""
    reference, url = text(invoice, "id"), text(invoice, "checkoutLink")
    if reference is None or url is None:
        raise Unavailable("BTCPay answered the create call without id or checkoutLink")
    return OpenedCheckout(reference, url, moment(invoice, "expirationTime"), livemode=None, money=_amount(invoice))


def _amount(invoice: Any) -> Money | None:
    return from_decimal(dig(invoice, "amount"), dig(invoice, "currency"))


def paid_something(invoice: dict[str, Any]) -> bool:
    """True when any money came in."""
    return _number(invoice.get("paidAmount")) > 0


def counts(invoice: dict[str, Any]) -> PaymentState | None:
    """What the payment of this invoice is worth; None where there is none to speak of."""
    status, additional = invoice.get("status"), invoice.get("additionalStatus")
    if status == "Settled":
        return PaymentState.PAID
    if status == "Expired" and (additional in _LATE or paid_something(invoice)):
        return PaymentState.HELD
    if status == "Invalid" and (additional == "Marked" or paid_something(invoice)):
        return PaymentState.LOST
    return None


def snapshot(invoice: dict[str, Any], *, paid_at: datetime | None = None, sats: int | None = None) -> Snapshot:
    """What the invoice says. `paid_at` stands in the payment, if `counts` sees one. Raises Unavailable."""
    reference, state, amount = text(invoice, "id"), _STATES.get(text(invoice, "status") or ""), _amount(invoice)
    if reference is None or state is None:
        raise Unavailable("BTCPay answered something that is no invoice")
    worth = counts(invoice)
    if worth is not None and (amount is None or paid_at is None):
        raise Unavailable("BTCPay answered a paid invoice without amount or time")
    return Snapshot(
        reference=reference,
        state=state,
        sold=_sold(invoice, amount),
        payments=(PaymentFact(reference, worth, _received(invoice, amount), paid_at, sats=sats),)
        if worth and amount and paid_at
        else (),
        oddities=frozenset(_oddities(invoice)),
        amount_due=_due(invoice, amount),
        payer_email=text(invoice, "metadata", "buyerEmail"),
        url=text(invoice, "checkoutLink"),
        expires_at=moment(invoice, "expirationTime"),
    )


def _received(invoice: dict[str, Any], price: Money) -> Money:
    """The price; of an invoice that ended before it was paid in full, what did come."""
    part = from_decimal(dig(invoice, "paidAmount"), price.currency)
    short = invoice.get("status") == "Expired" and part is not None and part.amount < price.amount
    return part if short and part else price


def sats_received(methods: Any) -> int | None:
    """All the bitcoin that came for an invoice, on chain and by Lightning; None where none is shown."""
    came = [
        from_decimal(payment.get("value"), "BTC")
        for method in objects({"methods": methods}, "methods")
        if (text(method, "currency") or "BTC") == "BTC"
        for payment in objects(method, "payments")
    ]
    return sum(money.amount for money in came if money) or None


def _sold(invoice: dict[str, Any], amount: Money | None) -> Sold:
    nonce = text(invoice, "metadata", "tollgateNonce")
    return Sold(
        order=text(invoice, "metadata", "orderId"),
        amount=amount,
        account=text(invoice, "storeId"),
        genuine=invoice.get("type", "Standard") == "Standard",
        nonce=nonce,
    )


def _oddities(invoice: dict[str, Any]) -> Iterable[Oddity]:
    status, additional = invoice.get("status"), invoice.get("additionalStatus")
    if status in ("Settled", "Expired") and additional == "PaidOver":
        yield Oddity.OVERPAID
    if status == "Settled" and additional == "Marked":
        yield Oddity.MARKED
    if status == "Invalid" and paid_something(invoice):
        yield Oddity.INVALID
    if status == "Expired" and additional in _LATE:
        yield Oddity.PAID_LATE
    elif status == "Expired" and (additional == "PaidPartial" or paid_something(invoice)):
        yield Oddity.UNDERPAID


def in_sats(money: Money, rates: Any) -> int | None:
    """The amount at the shown rate (currency units for one bitcoin), rounded up; None where no rate is shown."""
    if money.currency in ("BTC", "SATS"):
        return money.amount
    shown: dict[str | None, Any] = {
        text(rate, "currencyPair"): rate.get("rate") for rate in objects({"rates": rates}, "rates")
    }
    try:
        price = Decimal(to_decimal(money)) / Decimal(shown[f"BTC_{money.currency}"])
    except (KeyError, ArithmeticError, TypeError, ValueError):
        return None
    sats = from_decimal(price, "BTC", rounding=ROUND_UP)
    return sats.amount if sats else None


def _due(invoice: dict[str, Any], amount: Money | None) -> Money | None:
    """What is missing of a part-paid invoice, rounded up so that paying it is enough."""
    if amount is None or not paid_something(invoice) or invoice.get("status") not in ("New", "Expired"):
        return None
    missing = _number(invoice.get("amount")) - _number(invoice.get("paidAmount"))
    return from_decimal(missing, amount.currency, rounding=ROUND_UP) if missing > 0 else None


def covered_at(methods: Any, otherwise: datetime | None) -> datetime | None:
    """When the price had come in: the payment that completed it, so that later dust moves nothing.

    The last one where shares cannot be told; `otherwise` where no payment is shown, as for an invoice marked by hand.
    """
    shares = sorted(_shares({"methods": methods}))
    total = Decimal(0)
    for received_at, share in shares:
        total += share
        if total >= 1:
            return received_at
    return shares[-1][0] if shares else otherwise


def _shares(answer: dict[str, Any]) -> Iterable[tuple[datetime, Decimal]]:
    """Each payment with the part of the whole price it paid; prices differ by method (currency, network fee)."""
    for method in objects(answer, "methods"):
        for payment in objects(method, "payments"):
            received_at = moment(payment, "receivedDate")
            if received_at is not None:
                whole = _number(method.get("amount"))
                yield received_at, _number(payment.get("value")) / whole if whole else Decimal(0)


def _number(value: Any) -> Decimal:
    """A decimal of everyday size; 0 for anything else."""
    try:
        number = Decimal(value)
    except (ArithmeticError, TypeError, ValueError):
        return Decimal(0)
    return number if number.is_finite() and abs(number.adjusted()) < 30 else Decimal(0)
