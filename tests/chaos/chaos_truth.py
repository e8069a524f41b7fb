"""What the providers say happened, held against what the gateway's books say. Reads the sandbox's world, not our own clients."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Checkout, Order, Parcel, Payment, Receipt, Refund
from app.rails import build_rails
from keystore.models import ApiKey, Entitlement
from providers.events import Notification
from sandbox import stripe_life
from sandbox.btcpay_life import Invoice
from sandbox.state import World

SLOT = 30 * 86400


class Wrong(NamedTuple):
    """`kind`: lost | doubled | diverged | stuck."""

    kind: str
    what: str


@dataclass(frozen=True)
class Paid:
    """A payment as the provider has it."""

    reference: str
    amount: int
    state: str
    refunded: int
    until: datetime | None = None  # the end of a card period


def compare(session: Session, world: World, *, since: datetime, answers_lost: bool = False) -> list[Wrong]:
    """Everything that is wrong with the orders opened since then, and with boxes that should be empty.

    `answers_lost`: Stripe answered 500 to sessions that it did make, which nobody will ever see; those are not counted.
    """
    orders = session.scalars(select(Order).where(Order.created_at >= since)).all()
    with world.lock:
        truth = {order.id: list(_paid_for(world, order.id)) for order in orders}
        made = {order.id: _made_for(world, order.id) for order in orders}
    found = [*_boxes(session)]
    for order in orders:
        found += _ledger(session, order.id, truth[order.id])
        found += _order(order, truth[order.id])
        found += _attempts(session, order.id, made[order.id] - Counter(stripe=99 if answers_lost else 0))
    for entitlement_id in {order.entitlement_id for order in orders}:
        mine = [paid for order in orders if order.entitlement_id == entitlement_id for paid in truth[order.id]]
        found += _entitlement(session, entitlement_id, mine)
    return found


def unapplied(session: Session, deliveries: list[Any], settings: Any) -> list[Wrong]:
    """Notifications we said yes to that left no trace, or no effect."""
    rails, wrong = build_rails(settings), []
    for delivery in deliveries:
        if not any(attempt.startswith("2") for attempt in delivery.attempts):
            continue
        body, headers = delivery.letter.render(first=True, forged=False)
        note = Notification(body, {name.lower(): value for name, value in headers.items()}, datetime.now(UTC))
        for hint in rails[delivery.letter.rail].read(note):
            states = (Receipt.provider == delivery.letter.rail, Receipt.event_id == hint.event_id)
            state = session.scalar(select(Receipt.state).where(*states))
            if state not in ("applied", "ignored"):
                wrong.append(Wrong("lost", f"{delivery.letter.event} {hint.event_id}: acknowledged, now {state}"))
    return wrong


def _boxes(session: Session) -> Iterator[Wrong]:
    for box, label in ((Receipt, "receipt"), (Parcel, "parcel")):
        now = datetime.now(UTC)
        waiting = session.scalars(select(box).where((box.state == "due") | (box.state == "parked"))).all()
        for row in waiting:
            if row.state == "parked" or row.lease or row.due_at <= now:
                yield Wrong("lost", f"{label} {row.id} ({row.kind}) is {row.state}: {row.error}")


def _ledger(session: Session, order_id: str, truth: list[Paid]) -> Iterator[Wrong]:
    rows = session.scalars(select(Payment).join(Checkout).where(Checkout.order_id == order_id)).all()
    ours = {row.reference: row for row in rows}
    for paid in truth:
        row = ours.pop(paid.reference, None)
        if row is None:
            yield Wrong("lost", f"{order_id}: payment {paid.reference} of {paid.amount} is not on the books")
            continue
        refunds = session.scalars(select(Refund.amount).where(Refund.payment_id == row.id))
        said = (row.amount, row.state, sum(refunds))
        if said != (paid.amount, paid.state, paid.refunded):
            yield Wrong("diverged", f"{order_id}: {paid} but the books say {said}")
    for reference in ours:
        yield Wrong("doubled", f"{order_id}: the books have a payment {reference} that nobody made")


def _order(order: Order, truth: list[Paid]) -> Iterator[Wrong]:
    kept = any(paid.state in ("paid", "disputed") for paid in truth)
    if (order.status == "paid") != kept:
        yield Wrong("diverged" if not kept else "lost", f"{order.id} is {order.status}, paid at the provider: {kept}")


def _attempts(session: Session, order_id: str, made: Counter[str]) -> Iterator[Wrong]:
    for rail, number in made.items():
        if number > 1:
            yield Wrong("doubled", f"{order_id}: {number} checkouts were made at {rail}")
    rows = session.scalars(select(Checkout.provider).where(Checkout.order_id == order_id)).all()
    for rail, number in Counter(rows).items():
        if number > 1:
            yield Wrong("doubled", f"{order_id}: {number} attempts at {rail}")


def _entitlement(session: Session, entitlement_id: str, truth: list[Paid]) -> Iterator[Wrong]:
    entitlement = session.get_one(Entitlement, entitlement_id)
    keys = session.scalars(select(ApiKey.status).where(ApiKey.entitlement_id == entitlement_id)).all()
    paid = [payment for payment in truth if payment.state == "paid"]
    disputed = any(payment.state == "disputed" for payment in truth)
    working = keys.count("active") if entitlement.status == "active" else 0
    if working != int(bool(paid) and not disputed):
        kind = "doubled" if working > 1 or not paid else "lost"
        yield Wrong(kind, f"{entitlement_id} ({entitlement.status}) has {working} working keys for {truth}")
    if paid and not disputed and entitlement.ends_at is not None and entitlement.starts_at is not None:
        yield from _term(entitlement, paid)


def _term(entitlement: Entitlement, paid: list[Paid]) -> Iterator[Wrong]:
    """Card periods end when the provider says; prepaid terms of 30 days stack."""
    said = entitlement.ends_at
    periods = [payment.until for payment in paid if payment.until]
    if periods and said != max(periods):
        yield Wrong("diverged", f"{entitlement.id} ends {said}, the last paid period {max(periods)}")
    if not periods and entitlement.plan == "pro":
        due = entitlement.starts_at + len(paid) * timedelta(seconds=SLOT)
        if said != due:
            yield Wrong("diverged", f"{entitlement.id} ends {said}, {len(paid)} terms end {due}")


def _made_for(world: World, order_id: str) -> Counter[str]:
    sessions = [thing for thing in world.of("checkout.session") if thing["client_reference_id"] == order_id]
    return Counter(stripe=len(sessions), btcpay=len(_invoices(world, order_id)))


def _invoices(world: World, order_id: str) -> list[Invoice]:
    return [invoice for invoice in world.invoices.values() if invoice.metadata.get("orderId") == order_id]


def _paid_for(world: World, order_id: str) -> Iterator[Paid]:
    for session in world.of("checkout.session", client_reference_id=order_id):
        yield from _subscription(world, session) if session["subscription"] else _one_time(world, session)
    for invoice in _invoices(world, order_id):
        if invoice.status == "Settled" or (invoice.status == "Expired" and invoice.paid()):
            amount = min(invoice.amount, (invoice.paid() * invoice.rate).quantize(Decimal("0.01")))
            state = "paid" if invoice.status == "Settled" else "held"
            yield Paid(invoice.id, int(amount * 100), state, 0)


def _one_time(world: World, session: dict[str, Any]) -> Iterator[Paid]:
    if session["payment_status"] == "paid":
        charge = world.objects[world.objects[session["payment_intent"]]["latest_charge"]]
        yield Paid(session["id"], session["amount_total"], _worth(world, charge), charge["amount_refunded"])


def _subscription(world: World, session: dict[str, Any]) -> Iterator[Paid]:
    for bill in stripe_life.bills_of(world, session["subscription"]):
        if bill["status"] == "paid":
            until = datetime.fromtimestamp(bill["lines"]["data"][0]["period"]["end"], UTC)
            yield Paid(bill["id"], bill["amount_paid"], "paid", 0, until)


def _worth(world: World, charge: dict[str, Any]) -> str:
    disputes = {dispute["status"] for dispute in world.of("dispute", charge=charge["id"])}
    if "lost" in disputes:
        return "lost"
    if "needs_response" in disputes:
        return "disputed"
    return "refunded" if charge["refunded"] else "paid"
