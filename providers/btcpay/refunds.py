"""Giving a bitcoin payment back: a pull payment, which the payer claims on a page of BTCPay's. Invoices do not show it."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from providers.base import ProviderError, RefundMade, Refused, Unavailable, Unknown
from providers.btcpay.api import Api
from providers.events import Money, RefundFact
from providers.money import from_decimal, to_decimal
from providers.reading import checked, dig, objects, text


def refund(api: Api, payment_reference: str, money: Money, *, idempotency_key: str, retry: bool) -> RefundMade:
    """See Refunds. BTCPay has no idempotency: the pull payment carries our key as its name, and a retry looks for it."""
    name = f"Refund {idempotency_key}"
    found = _made_before(api, name) if retry else None
    if found is None:
        body = {
            "name": name,
            "refundVariant": "Custom",
            "customAmount": to_decimal(money),
            "customCurrency": money.currency,
        }
        found = api.post(api.invoice(payment_reference) + "/refund", body)
    reference = text(found, "id")
    if reference is None:
        raise Unavailable("BTCPay answered the refund call without id")
    return RefundMade(reference, "pending", text(found, "viewLink"))


def _made_before(api: Api, name: str) -> dict[str, Any] | None:
    """Raises Refused where we may not look: asking again could give the money back twice."""
    try:
        listed = {"made": api.get(f"/stores/{api.store_id}/pull-payments")}
    except (Refused, Unknown) as error:
        hint = "look in BTCPay whether it was made, or give the key btcpay.store.canviewpullpayments"
        raise Unavailable(f"an earlier try may have worked; {hint}: {error}") from error
    return next((made for made in objects(listed, "made") if text(made, "name") == name), None)


def shown(api: Api, payment_reference: str, refund: str) -> RefundFact:
    """See ShowsRefund. Archived means taken back; whether it was claimed is not shown, so it stays pending: promised away."""
    found = api.get(f"/pull-payments/{checked(refund)}")
    invoice = api.get(api.invoice(payment_reference))
    currency = text(invoice, "currency") or ""
    money = from_decimal(dig(found, "amount"), dig(found, "currency"))
    if money is not None and money.currency != currency.upper():
        money = _exchanged(api, payment_reference, money, currency)
    if money is None:
        raise Unavailable("BTCPay shows no amount of this refund")
    return RefundFact(refund, payment_reference, money, "failed" if dig(found, "archived") is True else "pending")


def _exchanged(api: Api, payment_reference: str, money: Money, currency: str) -> Money | None:
    """A refund in bitcoin of a price in another currency, at the invoice's own rate; None where no rate is shown."""
    try:
        methods = {"methods": api.get(api.invoice(payment_reference) + "/payment-methods")}
    except ProviderError as error:
        raise Unavailable(f"the invoice's rate is not shown: {error}") from error
    for method in objects(methods, "methods"):
        try:
            price = Decimal(to_decimal(money)) * Decimal(str(dig(method, "rate")))
        except ArithmeticError:
            continue
        if text(method, "currency") in (money.currency, None):
            return from_decimal(price, currency, rounding=ROUND_HALF_UP)
    return None
