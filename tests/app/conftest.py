"""A whole Tollgate without a web: real databases, and two rails whose answers a test writes down."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import structlog
from redis import Redis
from sqlalchemy import select

from app import logs
from app.catalog import Catalog, Offer
from app.checkout import NewOrder, open_order
from app.config import Settings
from app.db import Database
from app.models import Checkout, Order
from app.pricing import PriceBook
from app.tollgate import Tollgate
from keystore.limits import FallbackCounter, MemoryCounter, RedisCounter
from keystore.plans import Plan, Rate
from providers.base import NotAuthentic, RefundMade
from providers.events import (
    Agreement,
    AgreementState,
    CheckoutState,
    Hint,
    Money,
    Notification,
    OpenedCheckout,
    PaymentFact,
    PaymentState,
    Price,
    RefundFact,
    Snapshot,
    Sold,
)

PRICE = Money(1200, "USD")
TERM = timedelta(days=30)
SECRETS = {
    "public_url": "http://127.0.0.1:8000",
    "secret_key": "k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A",
    "key_peppers": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7",
    "stripe_secret_key": "sk_test_4eC39HqLyjWDarjtT1zd",
    "stripe_webhook_secret": "whsec_9fK2mVx7Qa4Zt1Lr",
    "btcpay_url": "http://127.0.0.1:9999",
    "btcpay_api_key": "b7Kd2Wq9Zx4Lm1Rv",
    "btcpay_store_id": "Store1",
    "btcpay_webhook_secret": "h5Tn8Yc3Vb6Qw1Xz",
}


class Clock:
    """A clock that moves only when told."""

    def __init__(self):
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def __call__(self):
        return self.now

    def forward(self, **delta):
        self.now += timedelta(**delta)


class ScriptedRail:
    """A rail that says what the test wrote into `answers`; it keeps what it was asked."""

    def __init__(self, name, *, account=None, livemode=None):
        self.name, self.account, self.livemode = name, account, livemode
        self.answers, self.opened, self.closed, self.asked = {}, [], [], []
        self.on_open = self.on_snapshot = lambda: None
        self.refunded, self.refund_answer, self.shown_refund = [], None, PRICE
        self.listed = []
        self.canceled, self.on_cancel = [], lambda agreement: None
        self.price_answer = Price("price_pro", PRICE, active=True, interval=None)

    def read(self, note):
        if note.headers.get("signature") != "good":
            raise NotAuthentic("forged")
        return [Hint(**hint) for hint in json.loads(note.body)]

    def snapshot(self, reference):
        self.asked.append(reference)
        answer = self.answers[reference]
        self.on_snapshot()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def open(self, request):
        self.opened.append(request)
        self.on_open()
        reference = f"{self.name}-{request.checkout}-{request.attempt}"
        self.answers.setdefault(reference, self.said(request, reference))
        return OpenedCheckout(
            reference, f"https://pay.example/{reference}", request.expires_at, self.livemode, request.money
        )

    def said(self, request, reference, state=CheckoutState.OPEN, **more):
        sold = Sold(request.order, request.money, request.price, 1, self.account, self.livemode, nonce=request.nonce)
        return Snapshot(reference, state, sold, **more)

    def pay(self, number=-1, *, at, state=PaymentState.PAID, checkout_state=CheckoutState.PAID, **more):
        """From now on the provider says that the checkout opened as `number` is paid."""
        request = self.opened[number]
        reference = f"{self.name}-{request.checkout}-{request.attempt}"
        fact = PaymentFact(reference, state, request.money, at)
        self.answers[reference] = self.said(request, reference, checkout_state, payments=(fact,), **more)
        return reference

    def subscribe(self, *, at, days=30, price=None):
        """The only checkout is paid as subscription sub_1, by invoice in_1."""
        (reference,) = self.answers
        period = (at, at + timedelta(days=days))
        fact = PaymentFact("in_1", PaymentState.PAID, self.opened[0].money, at, *period, price)
        agreement = Agreement("sub_1", AgreementState.ACTIVE)
        more = {"payments": (fact,), "agreement": agreement}
        self.answers[reference] = self.said(self.opened[0], reference, CheckoutState.PAID, **more)
        return reference

    def close(self, reference):
        self.closed.append(reference)

    def price(self, reference):
        return self.price_answer

    def refund(self, payment_reference, money, *, idempotency_key, retry=False):
        self.refunded.append((payment_reference, money, idempotency_key, retry))
        if isinstance(self.refund_answer, Exception):
            raise self.refund_answer
        return self.refund_answer or RefundMade(f"back-{idempotency_key}", "succeeded")

    def cancel(self, agreement):
        self.canceled.append(agreement)
        self.on_cancel(agreement)

    def payments_since(self, since):
        return iter(self.listed)

    def show_refund(self, payment_reference, refund):
        return RefundFact(refund, payment_reference, self.shown_refund, "pending")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stripe():
    return ScriptedRail("stripe", livemode=False)


@pytest.fixture
def btcpay():
    return ScriptedRail("btcpay", account="Store1")


def _clock_of_an_early_hour():
    """A clock whose minute and hour have just begun, so that no window turns in the middle of a test."""
    begun = time.monotonic()
    return lambda: 1_800_000_001 + time.monotonic() - begun


@pytest.fixture
def prompt_seconds():
    """How long the gate waits for the database. A busy machine is no outage; tests of those wait no longer than the gate does."""
    return 5


@pytest.fixture
def tollgate(database_url, clock, stripe, btcpay, prompt_seconds):
    settings = Settings(_env_file=None, database_url=database_url, **SECRETS)
    plans = {
        slug: Plan(slug, slug.title(), (Rate("minute", 600, 60),), features=("reports",)) for slug in ("pro", "team")
    }
    offers = {("pro", "stripe"): Offer("stripe", "pro", price="price_pro", term=TERM, retired=("price_old",))}
    offers |= {(slug, "btcpay"): Offer("btcpay", slug, money=PRICE, term=TERM) for slug in plans}
    database = Database(database_url, prompt_seconds=prompt_seconds)
    whole = Tollgate(
        settings=settings,
        catalog=Catalog(plans, offers),
        db=database,
        providers={"stripe": stripe, "btcpay": btcpay},
        peppers=settings.peppers,
        counter=MemoryCounter(_clock_of_an_early_hour()),
        prices=PriceBook(),
        clock=clock,
    )
    yield whole
    whole.patience.drain(seconds=5)
    database.engine.dispose()


@pytest.fixture
def redis_counter(redis_url):
    """Counts in a corner of Redis of its own, patiently."""
    namespace = f"test-{uuid4().hex}"
    yield FallbackCounter(RedisCounter(redis_url, timeout=5, namespace=namespace), workers_total=1)
    with Redis.from_url(redis_url) as redis:
        redis.delete("nothing", *redis.scan_iter(f"{namespace}:*"))


@pytest.fixture
def buy(tollgate):
    """Open an order."""

    def _buy(provider="stripe", plan="pro", **more):
        return open_order(tollgate, NewOrder(plan, provider, **more))

    return _buy


@pytest.fixture
def notify(tollgate):
    """Make the note of an event about a checkout."""

    def _notify(reference, event="evt_1", **more):
        hint = {"event_id": event, "kind": "paid", "reference": reference, **more}
        return Notification(json.dumps([hint]).encode(), {"signature": "good"}, tollgate.clock())

    return _notify


@pytest.fixture
def rows(tollgate):
    """Every row of a table."""

    def _rows(model):
        with tollgate.db.read() as session:
            return list(session.scalars(select(model)))

    return _rows


@pytest.fixture
def order_row(rows):
    return lambda: rows(Order)[-1]


@pytest.fixture
def checkout_rows(rows):
    return lambda: sorted(rows(Checkout), key=lambda row: (row.created_at, row.provider))


def eventually(condition, seconds=5.0):
    """True as soon as it is; what another thread does takes its time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(name="eventually")
def eventually_fixture():
    return eventually


@pytest.fixture
def lines(capsys):
    """Whatever is logged from now on, as text. Logging is put back afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers = []
    logs.configure("DEBUG")
    written = []
    yield lambda: written.append(capsys.readouterr().out) or "".join(written)
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()
