"""The money by month, rail, plan and currency: what came, what went back, what waits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from app.models import Adjustment, Payment, Refund
from app.tollgate import Tollgate
from providers.events import PaymentState


@dataclass(frozen=True, slots=True)
class Line:
    """One month (UTC) of one plan at one rail in one currency; amounts in its minor units.

    `amount`: all that came, refunded or disputed money too, lost disputes not. `held`: the part of it that no operator has
    accepted yet. `sats`: what came as bitcoin. `refunded`: what went back in that month, whenever it had come.
    """

    month: str
    provider: str
    plan: str
    currency: str
    payments: int = 0
    amount: int = 0
    sats: int = 0
    held: int = 0
    refunds: int = 0
    refunded: int = 0

    @property
    def net(self) -> int:
        """What is left of the month."""
        return self.amount - self.refunded


def money(tollgate: Tollgate, *, since: datetime | None = None, until: datetime | None = None) -> tuple[Line, ...]:
    """Payments by `paid_at`, refunds by when they were made; `until` is not included. Oldest month first."""
    lines: dict[tuple[str, str, str, str], Line] = {}
    for moment, provider, plan, currency, change in _changes(tollgate, since, until):
        place = (f"{moment:%Y-%m}", provider, plan, currency)
        line = lines.get(place, Line(*place))
        lines[place] = replace(line, **{name: getattr(line, name) + more for name, more in change.items()})
    return tuple(lines[place] for place in sorted(lines))


Rows = Select[*tuple[Any, ...]]
Change = tuple[datetime, str, str, str, dict[str, int]]


def _changes(tollgate: Tollgate, since: datetime | None, until: datetime | None) -> Iterator[Change]:
    came = select(
        *(Payment.paid_at, Payment.provider, Payment.plan, Payment.currency),
        *(Payment.amount, Payment.sats, Payment.state, Payment.id),
    )
    went = select(Refund.created_at, Refund.provider, Payment.plan, Refund.currency, Refund.amount).join(Payment)
    came = came.where(Payment.state != PaymentState.LOST)
    went = went.where(Refund.state.in_(("pending", "succeeded")))
    with tollgate.db.read() as session:
        accepted = set(session.scalars(select(Adjustment.payment_id).where(Adjustment.kind == "accept")))
        for at, provider, plan, currency, amount, sats, state, payment in session.execute(_between(came, since, until)):
            held = amount if state == PaymentState.HELD and payment not in accepted else 0
            yield at, provider, plan, currency, {"payments": 1, "amount": amount, "sats": sats or 0, "held": held}
        for at, provider, plan, currency, amount in session.execute(_between(went, since, until)):
            yield at, provider, plan, currency, {"refunds": 1, "refunded": amount}


def _between(query: Rows, since: datetime | None, until: datetime | None) -> Rows:
    at = next(iter(query.selected_columns))
    query = query.where(at >= since) if since else query
    return query.where(at < until) if until else query
