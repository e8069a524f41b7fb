"""The ledger's rows: read them for the fold, write what the fold says. Called inside the caller's transaction."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import attention, news, outbox
from app.ledger import FOREVER, Coverage, Entry, Ruling, Standing, coverage, periods_from
from app.models import Adjustment, Checkout, Order, Payment, Refund
from app.problems import OrderNotFound
from app.tollgate import Tollgate
from keystore.changes import Change
from keystore.store import Keystore
from keystore.verdict import Period
from providers.events import AgreementState, PaymentState

LIVE = ("opening", "open", "processing")
BACK = ("pending", "succeeded")


def keystore(session: Session, tollgate: Tollgate) -> Keystore:
    """The keystore on this session, with this installation's peppers and prefix."""
    return Keystore(session, peppers=tollgate.peppers, prefix=tollgate.settings.key_prefix)


def lock_order(session: Session, tollgate: Tollgate, order_id: str) -> Order:
    """The order as committed now; its entitlement is locked before it, always. Raises OrderNotFound.

    The other way round two renewals of one entitlement lost a term, and two transactions waited for each other.
    """
    order = session.get(Order, order_id)
    if order is None:
        raise OrderNotFound(order_id)
    keystore(session, tollgate).lock(order.entitlement_id)
    return session.get_one(Order, order_id, with_for_update=True, populate_existing=True)


def settle(session: Session, tollgate: Tollgate, entitlement_id: str, *, now: datetime) -> Change | None:
    """Fold everything this entitlement ever got and write it on the entitlement. The caller holds its lock."""
    session.flush()
    cover = fold(session, tollgate, entitlement_id, now=now)
    _flag_held(session, cover)
    _plan_refold(session, entitlement_id, cover, now=now)
    store = keystore(session, tollgate)
    entitlement = store.lock(entitlement_id)
    was = entitlement.status
    changed = store.settle(
        entitlement_id,
        plan=cover.plan or entitlement.plan,
        status=cover.status,
        starts_at=cover.starts_at,
        ends_at=cover.ends_at,
        grace_ends_at=cover.grace_ends_at,
        periods=_periods(cover, now),
    )
    news.of_entitlement(session, tollgate, entitlement, was=was, changed=changed, now=now)
    return changed


def _periods(cover: Coverage, now: datetime) -> list[Period]:
    """All that is paid for from now on is told at once, so that a period turns at its moment whether a worker runs or not."""
    stretches = periods_from(cover.segments, now)
    return [Period(one.period, one.starts_at, None if one.ends_at == FOREVER else one.ends_at) for one in stretches]


def fold(
    session: Session, tollgate: Tollgate, entitlement_id: str, *, now: datetime, extra: tuple[Entry, ...] = ()
) -> Coverage:
    """The coverage of an entitlement by what is on the books now, and by `extra` payments that might come."""
    checkouts = _checkouts(session, entitlement_id)
    return coverage(
        [*_entries(session, checkouts), *extra],
        [_standing(row) for row in checkouts if row.agreement],
        _rulings(session, entitlement_id),
        grace=timedelta(days=tollgate.settings.grace_days),
        now=now,
    )


def _plan_refold(session: Session, entitlement_id: str, cover: Coverage, *, now: datetime) -> None:
    """A different plan starts with the next term: fold again at that moment."""
    turns = [later.starts_at for earlier, later in pairwise(cover.segments) if earlier.plan != later.plan]
    for turn in turns:
        if turn > now:
            payload = {"entitlement": entitlement_id}
            outbox.add(session, "refold", f"refold:{entitlement_id}:{turn.isoformat()}", payload, now=now, due_at=turn)


def _checkouts(session: Session, entitlement_id: str) -> list[Checkout]:
    return list(session.scalars(select(Checkout).join(Order).where(Order.entitlement_id == entitlement_id)))


def _entries(session: Session, checkouts: list[Checkout]) -> list[Entry]:
    by_id = {row.id: row for row in checkouts}
    payments = list(session.scalars(select(Payment).where(Payment.checkout_id.in_(by_id))))
    back = refunded(session, [row.id for row in payments])
    return [_entry(row, by_id[row.checkout_id], back[row.id]) for row in payments]


def refunded(session: Session, payment_ids: list[str]) -> dict[str, int]:
    """Minor units that went back, by payment. Pending ones count: the money is promised away; one only asked for does not."""
    sums: dict[str, int] = defaultdict(int)
    for row in session.scalars(select(Refund).where(Refund.payment_id.in_(payment_ids), Refund.state.in_(BACK))):
        sums[row.payment_id] += row.amount
    return sums


def _entry(row: Payment, checkout: Checkout, refunded: int) -> Entry:
    return Entry(
        id=row.id,
        order=checkout.order_id,
        checkout=checkout.id,
        state=PaymentState(row.state),
        paid_at=row.paid_at,
        plan=row.plan,
        amount=row.amount,
        refunded=refunded,
        seconds=row.term_seconds,
        covers_from=row.covers_from,
        covers_to=row.covers_to,
        agreement=checkout.agreement,
        opened_at=checkout.created_at,
    )


def _standing(row: Checkout) -> Standing:
    return Standing(
        row.agreement or "",
        AgreementState(row.agreement_state or "canceled"),
        row.agreement_plan,
        row.agreement_ends_at,
    )


def _rulings(session: Session, entitlement_id: str) -> list[Ruling]:
    rows = session.scalars(select(Adjustment).where(Adjustment.entitlement_id == entitlement_id))
    return [Ruling(row.kind, row.at, row.seconds, row.plan, row.payment_id) for row in rows]


def _flag_held(session: Session, cover: Coverage) -> None:
    """Money that arrived for an order already paid elsewhere, or too late, waits for an operator."""
    for payment in session.scalars(
        select(Payment).where(Payment.id.in_(cover.held), Payment.state == PaymentState.PAID)
    ):
        order = session.scalars(select(Order).join(Checkout).where(Checkout.id == payment.checkout_id)).one()
        attention.raise_flag(
            order, "paid_twice", payment.id, "another payment had settled this order before: accept or refund this one"
        )


def restate(session: Session, order: Order) -> None:
    """Derive the order's status from its checkouts and payments."""
    session.flush()
    checkouts = list(session.scalars(select(Checkout).where(Checkout.order_id == order.id)))
    entries = _entries(session, checkouts)
    accepted = {ruling.payment for ruling in _rulings(session, order.entitlement_id) if ruling.kind == "accept"}
    received = [
        entry
        for entry in entries
        if entry.state in (PaymentState.PAID, PaymentState.DISPUTED, PaymentState.REFUNDED)
        or (entry.state is PaymentState.HELD and entry.id in accepted)
    ]
    kept = [
        entry
        for entry in received
        if entry.state is not PaymentState.REFUNDED and not 0 < entry.amount <= entry.refunded
    ]
    states = {row.state for row in checkouts}
    order.paid_at = min((entry.paid_at for entry in kept), default=order.paid_at)
    if kept:
        order.status = "paid"
    elif received:
        order.status = "refunded"
    elif "processing" in states:
        order.status = "processing"
    elif states & {"opening", "open"}:
        order.status = "open"
    else:
        order.status = "expired" if "expired" in states else "canceled"


def open_checkouts(session: Session, order_id: str) -> list[Checkout]:
    """Attempts of the order that could still be paid."""
    return list(session.scalars(select(Checkout).where(Checkout.order_id == order_id, Checkout.state.in_(LIVE))))
