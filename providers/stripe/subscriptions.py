"""Subscriptions: what an agreement promises and which of its invoices are paid."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from providers.events import Agreement, AgreementState, CheckoutState, PaymentFact, RefundFact, Snapshot
from providers.reading import dig, ident, moment, objects, text
from providers.stripe.api import Api
from providers.stripe.charges import money, refunds_of, state_of

STATES: Final = {
    "active": AgreementState.ACTIVE,
    "trialing": AgreementState.ACTIVE,
    "past_due": AgreementState.PAST_DUE,
    "paused": AgreementState.PAUSED,
    "canceled": AgreementState.CANCELED,
    "unpaid": AgreementState.CANCELED,
    "incomplete": AgreementState.CANCELED,
    "incomplete_expired": AgreementState.CANCELED,
}
OVER: Final = frozenset({"canceled", "incomplete_expired"})  # for good: `unpaid` and `incomplete` can still be charged
_TIME: Final = frozenset({"subscription_item_details", "subscription"})  # types of invoice lines, new and old
_FAILED: Final = frozenset({"past_due", "canceled", "unpaid", "incomplete_expired"})  # of one that nobody has paid yet


def with_agreement(api: Api, session: dict[str, Any], base: Snapshot) -> Snapshot:
    """The snapshot of a card subscription: one payment for each paid invoice. Raises Unavailable."""
    if base.state in (CheckoutState.OPEN, CheckoutState.EXPIRED):
        return base
    subscription = _subscription(api, session)
    invoices = _paid_invoices(api, session, subscription)
    charges = (
        _charges(api, base.customer or ident(subscription, "customer")) if any(map(_moved_money, invoices)) else []
    )
    facts, refunds = _facts(api, invoices, charges)
    return replace(
        base,
        state=_state(base.state, subscription, facts),
        payments=tuple(facts),
        refunds=tuple(refunds),
        agreement=agreement(subscription),
    )


def _state(said: CheckoutState, subscription: dict[str, Any], facts: list[PaymentFact]) -> CheckoutState:
    if facts:
        return CheckoutState.PAID
    if said is CheckoutState.PROCESSING and subscription.get("status") in _FAILED:
        return CheckoutState.FAILED
    return CheckoutState.PROCESSING  # the session says paid before the invoice shows it


def _subscription(api: Api, session: dict[str, Any]) -> dict[str, Any]:
    reference = ident(session, "subscription")
    return api.find(api.v1.subscriptions.retrieve, reference) if reference else {}


def agreement(subscription: dict[str, Any]) -> Agreement | None:
    """What is agreed now; None where no subscription is shown, or one in a state nobody knows."""
    reference, state = ident(subscription), STATES.get(text(subscription, "status") or "")
    if reference is None or state is None:
        return None
    ended_at = moment(subscription, "ended_at")
    if ended_at is not None:
        state = AgreementState.CANCELED
    over = state is AgreementState.CANCELED
    item = next(iter(objects(subscription, "items", "data")), {})
    return Agreement(
        reference=reference,
        state=state,
        cancels_at=(ended_at or moment(subscription, "canceled_at")) if over else _cancels_at(subscription, item),
        price=ident(item, "price"),
        customer=ident(subscription, "customer"),
    )


def _cancels_at(subscription: dict[str, Any], item: dict[str, Any]) -> datetime | None:
    if cancel_at := moment(subscription, "cancel_at"):
        return cancel_at
    if subscription.get("cancel_at_period_end") is not True:
        return None
    return moment(item, "current_period_end") or moment(subscription, "current_period_end")


def _paid_invoices(api: Api, session: dict[str, Any], subscription: dict[str, Any]) -> list[dict[str, Any]]:
    reference = ident(session, "subscription")
    listed = api.pages(api.v1.invoices.list, subscription=reference, expand=["data.payments"]) if reference else []
    found = {ident(invoice): invoice for invoice in listed}
    for named in (ident(session, "invoice"), ident(subscription, "latest_invoice")):
        if named is not None and named not in found:  # a list may lag behind
            found[named] = api.find(api.v1.invoices.retrieve, named, {"expand": ["payments"]})
    return [invoice for invoice in found.values() if ident(invoice) and invoice.get("status") == "paid"]


def _moved_money(invoice: dict[str, Any]) -> bool:
    return bool(invoice.get("amount_paid"))


def _charges(api: Api, customer: str | None) -> list[dict[str, Any]]:
    found = api.pages(api.v1.charges.list, customer=customer, expand=["data.refunds"]) if customer else []
    return [charge for charge in found if charge.get("status", "succeeded") == "succeeded"]


def _facts(
    api: Api, invoices: list[dict[str, Any]], charges: list[dict[str, Any]]
) -> tuple[list[PaymentFact], list[RefundFact]]:
    facts: list[PaymentFact] = []
    refunds: list[RefundFact] = []
    for invoice in invoices:
        handles = _paid_through(invoice)
        mine = [charge for charge in charges if handles & {ident(charge), ident(charge, "payment_intent")}]
        if fact := _fact(api, invoice, mine):
            facts.append(fact)
            refunds += refunds_of(api, mine, payment=fact.reference)
    return facts, refunds


def _fact(api: Api, invoice: dict[str, Any], charges: list[dict[str, Any]]) -> PaymentFact | None:
    """One paid invoice; None for one that bills no period (an extra on the same card), which must not count as a term."""
    reference, paid = ident(invoice), money(invoice, "amount_paid")
    paid_at = moment(invoice, "status_transitions", "paid_at") or moment(invoice, "created")
    lines = _period_lines(api, invoice)
    if reference is None or paid is None or paid_at is None or not lines:
        return None
    starts, ends = zip(*(_period(line) for line in lines), strict=True)
    return PaymentFact(reference, state_of(api, charges), paid, paid_at, min(starts), max(ends), _price(lines[-1]))


def _period_lines(api: Api, invoice: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that bill time of the subscription, credits left out; where no line says its type, all with a period.

    Prorations (a change in mid period) only where no line bills a whole period: beside one they are of the period before.
    """
    lines = objects(invoice, "lines", "data")
    if dig(invoice, "lines", "has_more") is True:
        lines = api.pages(api.v1.invoices.line_items.list, str(ident(invoice))) or lines
    lines = [line for line in lines if None not in _period(line) and (line.get("amount") or 0) >= 0]
    if any(map(_type, lines)):
        lines = [line for line in lines if _type(line) in _TIME or _prorated(line)]
    return [line for line in lines if not _prorated(line)] or lines


def _type(line: dict[str, Any]) -> str | None:
    return text(line, "parent", "type") or text(line, "type")


def _period(line: dict[str, Any]) -> tuple[Any, Any]:
    return moment(line, "period", "start"), moment(line, "period", "end")


def _price(line: dict[str, Any]) -> str | None:
    return ident(line, "pricing", "price_details", "price") or ident(line, "price")


def _prorated(line: dict[str, Any]) -> bool:
    said = [
        dig(line, "parent", parent, "proration") for parent in ("subscription_item_details", "invoice_item_details")
    ]
    return True in (*said, line.get("proration"))


def _paid_through(invoice: dict[str, Any]) -> set[str | None]:
    """Ids of the payment intents and charges that paid an invoice, where this and older API versions keep them."""
    payments = objects(invoice, "payments", "data")
    shown = {ident(payment, "payment", kind) for payment in payments for kind in ("payment_intent", "charge")}
    return (shown | {ident(invoice, "payment_intent"), ident(invoice, "charge")}) - {None}
