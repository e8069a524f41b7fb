"""What an order's page says: one sentence for each way things can stand, and what the buyer can do about it."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from app.holding import Holding
from app.orders import DONE
from app.tollgate import Tollgate
from app.views import CheckoutView, OrderView
from app.web.holding_status import lasts, stopped
from app.web.money import money_text
from app.web.rails import Rail, rail
from app.web.shop import offers_shown
from keystore.verdict import Verdict
from providers.events import Money

REFRESH_SECONDS = 2
PAYABLE = ("open", "processing", "expired", "canceled")


@dataclass(frozen=True, slots=True)
class Status:
    """`tone` is waiting | good | over | look. `waiting`: the page loads itself again."""

    tone: str
    title: str
    text: str
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class PayableRail:
    """A way to pay what is left. `url`: a checkout that is open already; None: it would be opened."""

    provider: str
    rail: Rail
    money: Money
    url: str | None


def describe(order: OrderView, holding: Holding, *, now: datetime) -> Status:
    """Where the order stands, in the reader's language."""
    if order.status in DONE:
        return _describe_done(order, holding, now)
    new = order.kind == "new"
    due = money_text(order.amount_due, order.currency)
    if order.status == "processing":
        return Status(
            "waiting",
            _("Payment seen"),
            _("It is being confirmed. You can close this page: the key starts to work by itself.")
            if new
            else _("It is being confirmed. You can close this page: your time is extended by itself."),
            waiting=True,
        )
    if order.status == "open" and is_part_paid(order):
        return Status(
            "waiting",
            _("Still due: %(amount)s", amount=due),
            _("A part has arrived. Pay the rest before the time is over."),
            waiting=True,
        )
    if order.status == "open":
        return Status(
            "waiting",
            _("Waiting for your payment"),
            _("Paid already? This page looks by itself every few seconds."),
            waiting=True,
        )
    return Status(
        "over", _("The time to pay is over"), _("Nothing more will be charged. You can start the payment again.")
    )


def _describe_done(order: OrderView, holding: Holding, now: datetime) -> Status:
    """Paid or refunded: what counts now is how the holder stands."""
    if order.status == "refunded" and holding.verdict is not Verdict.VALID:
        return Status("over", _("Refunded"), _("The payment went back, and the key does not work any more."))
    wrong = stopped(holding)
    if wrong:
        return Status(*wrong)
    until = lasts(holding, now)
    if order.status == "refunded":
        back = _("The payment went back. Other payments keep your key working.")
        return Status("over", _("Refunded"), f"{back} {until}")
    title = _("Paid. Your key works.") if order.kind == "new" else _("Paid. Your time is extended.")
    return Status("good", title, until)


ATTENTION = {
    "underpaid": lambda: _("Less arrived than was due. The operator has been told and will accept or refund it."),
    "overpaid": lambda: _("More arrived than was due. The operator has been told."),
    "paid_late": lambda: _(
        "The payment came after the time was over. The operator has been told and will accept or refund it."
    ),
    "paid_twice": lambda: _("This order was paid more than once. The operator has been told."),
}


def attention_text(code: str) -> str:
    """Why a person has to look, as far as a buyer needs to know."""
    known = ATTENTION.get(code)
    return str(known() if known else _("The payment does not match the order. The operator has been told."))


def payable_rails(tollgate: Tollgate, order: OrderView) -> list[PayableRail]:
    """Rails on which the order can be paid now, the ones with an open checkout first.

    Once a part has arrived only its own checkout takes the rest: any other would ask for the whole price again.
    """
    if order.status not in PAYABLE:
        return []
    now = tollgate.clock()
    started = {item.provider: _started(order, item) for item in order.checkouts if item.url and item.expires_at > now}
    if is_part_paid(order) and order.provider in started:
        return [started[order.provider]]
    others = [offer for offer in offers_shown(tollgate, order.plan) if offer.quote and offer.provider not in started]
    fresh = [
        PayableRail(offer.provider, rail(offer.provider), offer.quote.money, None) for offer in others if offer.quote
    ]
    return [*started.values(), *fresh]


def is_part_paid(order: OrderView) -> bool:
    """Whether some money is there and some is missing."""
    return 0 < order.amount_due < order.amount


def _started(order: OrderView, item: CheckoutView) -> PayableRail:
    amount = order.amount_due if item.provider == order.provider else item.amount
    return PayableRail(item.provider, rail(item.provider), Money(amount, item.currency), item.url)
