"""What became of money that was charged: refunds and disputes."""

from typing import Any, Final

from providers.events import Money, PaymentState, RefundFact
from providers.reading import flag, ident, number, objects, text
from providers.stripe.api import Api

_OPEN_DISPUTES: Final = frozenset({
    "needs_response", "under_review", "warning_needs_response", "warning_under_review", "appeal_needs_response", "appeal_under_review",
})  # fmt: skip
REFUNDS: Final = {
    "succeeded": "succeeded",
    "pending": "pending",
    "requires_action": "pending",
    "failed": "failed",
    "canceled": "failed",
}


def money(thing: dict[str, Any], field: str) -> Money | None:
    """The amount in that field with the object's own currency, or None."""
    amount, currency = number(thing, field), text(thing, "currency")
    return None if amount is None or currency is None else Money(amount, currency.upper())


def state_of(api: Api, charges: list[dict[str, Any]]) -> PaymentState:
    """What a payment made by these charges is worth now. Without any (nothing was due, or none is shown): paid."""
    disputed = {state for charge in charges if charge.get("disputed") for state in _disputes(api, charge)}
    for state in (PaymentState.LOST, PaymentState.DISPUTED):
        if state in disputed:
            return state
    return PaymentState.REFUNDED if charges and all(map(_refunded, charges)) else PaymentState.PAID


def _disputes(api: Api, charge: dict[str, Any]) -> set[PaymentState]:
    found = api.pages(api.v1.disputes.list, **_naming(charge))
    statuses = {text(dispute, "status") for dispute in found}
    if "lost" in statuses:
        return {PaymentState.LOST}
    return {PaymentState.DISPUTED} if not statuses or statuses & _OPEN_DISPUTES else set()


def _refunded(charge: dict[str, Any]) -> bool:
    return flag(charge, "refunded") is True or 0 < (number(charge, "amount") or 0) <= (
        number(charge, "amount_refunded") or 0
    )


def refunds_of(api: Api, charges: list[dict[str, Any]], *, payment: str) -> tuple[RefundFact, ...]:
    """Every refund of these charges, as facts about the payment of that reference."""
    facts = []
    for refund in (refund for charge in charges for refund in _refunds(api, charge)):
        reference, amount = ident(refund), money(refund, "amount")
        if reference and amount:
            facts.append(RefundFact(reference, payment, amount, REFUNDS.get(text(refund, "status") or "", "pending")))
    return tuple(facts)


def _refunds(api: Api, charge: dict[str, Any]) -> list[dict[str, Any]]:
    shown = objects(charge, "refunds", "data")  # expanded; failed ones too, which amount_refunded no longer counts
    if shown or not number(charge, "amount_refunded"):
        return shown
    return api.pages(api.v1.refunds.list, **_naming(charge))


def _naming(charge: dict[str, Any]) -> dict[str, Any]:
    intent = ident(charge, "payment_intent")
    return {"payment_intent": intent} if intent else {"charge": ident(charge)}
