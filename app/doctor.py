"""What may be wrong with this installation, each with its cure. Looks, asks, changes nothing."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from smtplib import SMTPException

from sqlalchemy import func, or_, select

from app import doctor_keys, health
from app.config import Settings
from app.config.rules import host_of
from app.config.values import is_loopback, is_private
from app.factory import assemble
from app.mail import smtp
from app.models import AdminToken, Order, Parcel, Receipt
from app.price_check import check_prices
from app.tollgate import Tollgate
from keystore import CounterStoreDown, RedisCounter
from keystore.models import Entitlement
from providers.base import Diagnoses, Diagnosis
from providers.stripe.webhooks import EVENTS

PATIENCE = 5.0  # seconds for one answer of Redis
LATE = timedelta(minutes=2)  # a worker that is alive looks every second; back-off moves the due time itself
SOUND_SQLITE = (3, 51, 3)


def examine(load: Callable[[], Settings]) -> Iterator[Diagnosis]:
    """Everything, in the order in which things depend on each other. Raises SettingsError, CatalogError at the first step."""
    tollgate = assemble(load())
    settings = tollgate.settings
    yield Diagnosis("settings", "ok", f"{settings.mode} keys, rails: {', '.join(settings.rails)}")
    yield Diagnosis("catalogue", "ok", f"{len(tollgate.catalog.plans)} plans in {settings.catalog}")
    yield from _settings(settings)
    yield from _mail(settings)
    yield from _stores(tollgate)
    for provider in tollgate.providers.values():
        if isinstance(provider, Diagnoses):
            yield from provider.diagnose(tollgate.clock())
    yield from check_prices(tollgate)
    yield from _webhooks(settings)


def _settings(settings: Settings) -> Iterator[Diagnosis]:
    host = host_of(settings.public_url)
    if not settings.secure and not is_loopback(host):
        yield Diagnosis(
            "address", "warning", f"{settings.public_url} is not encrypted", "use https beyond this machine"
        )
    if settings.database_url.startswith("sqlite") and sqlite3.sqlite_version_info < SOUND_SQLITE:
        what = f"SQLite {sqlite3.sqlite_version} has a rare fault in its write-ahead log (mended in 3.51.3)"
        yield Diagnosis("sqlite", "warning", what, "keep backups; use PostgreSQL in production")


def _mail(settings: Settings) -> Iterator[Diagnosis]:
    if settings.smtp_url is None:
        what = "no mail is sent: no receipts, no reminders, and nobody gets a lost key back by themselves"
        yield Diagnosis("mail", "warning", what, "set SMTP_URL and MAIL_FROM")
        return
    try:
        smtp.greet(settings.smtp_url.get_secret_value())
    except (OSError, SMTPException) as error:
        yield Diagnosis("mail", "error", f"the mail server does not take us: {error}", "check SMTP_URL")
    else:
        yield Diagnosis("mail", "ok", f"the mail server answers; letters come from {settings.mail_from}")
    if settings.operator_email is None:
        yield Diagnosis("mail", "warning", "nobody is told of orders that need attention", "set OPERATOR_EMAIL")


def _stores(tollgate: Tollgate) -> Iterator[Diagnosis]:
    lacks = health.lacks(tollgate)
    for lack in lacks:
        yield Diagnosis("stores", "error", lack.what, lack.cure)
    if not lacks:
        counters = "Redis" if tollgate.settings.redis_url else "the memory of this one worker"
        yield Diagnosis(
            "stores", "ok", f"{tollgate.db.engine.dialect.name}, migrated; limits are counted in {counters}"
        )
        yield from _counts_stay(tollgate.settings)
        yield from _admin(tollgate)
        yield from _plans(tollgate)
        yield from doctor_keys.diagnose(tollgate)
        yield from _work(tollgate)


def _counts_stay(settings: Settings) -> Iterator[Diagnosis]:
    """Every count expires by itself, so each policy but one takes it for something to throw away."""
    if settings.redis_url is None:
        return
    fix = "set Redis' maxmemory-policy to noeviction"
    try:
        policy = RedisCounter(settings.redis_url, timeout=PATIENCE).eviction()
    except CounterStoreDown:
        yield Diagnosis("redis", "warning", "does not tell what it does when its memory is full", fix)
        return
    if policy is not None:
        what = f"throws counts away when its memory is full ({policy}): a window could admit more than its limit"
        yield Diagnosis("redis", "warning", what, fix)


def _admin(tollgate: Tollgate) -> Iterator[Diagnosis]:
    if tollgate.settings.admin_token is not None:
        return
    with tollgate.db.read() as session:
        named = session.scalar(select(AdminToken.id).where(AdminToken.revoked_at.is_(None)).limit(1))
    if named is None:
        fix = "set ADMIN_TOKEN, or run `tollgate admin-tokens create`, to open /v1/admin"
        yield Diagnosis("admin", "warning", "there is no admin", fix)


def _plans(tollgate: Tollgate) -> Iterator[Diagnosis]:
    """Who holds a plan that was deleted or renamed is locked out. What was never paid for is held by nobody."""
    now = tollgate.clock()
    works = or_(Entitlement.ends_at.is_(None), Entitlement.ends_at > now, Entitlement.grace_ends_at > now)
    held = Entitlement.status.in_(("active", "suspended")) & works & Entitlement.plan.not_in(tollgate.catalog.plans)
    with tollgate.db.read() as session:
        query = select(Entitlement.plan, func.count()).where(held).group_by(Entitlement.plan)
        found = session.execute(query.order_by(Entitlement.plan)).all()
    for plan, holders in found:
        what = f"{plan}, held by {holders}, is not in the catalogue: its keys are told 402 suspended"
        yield Diagnosis("plans", "error", what, f"put [plans.{plan}] back into the catalogue, with on_sale = false")


def _work(tollgate: Tollgate) -> Iterator[Diagnosis]:
    """A worker shows by what it leaves undone: nothing stays due for long while one is alive."""
    now = tollgate.clock()
    with tollgate.db.read() as session:
        oldest = [
            session.scalar(select(func.min(table.due_at)).where(table.state == "due")) for table in (Receipt, Parcel)
        ]
        attention = session.scalar(select(func.count()).where(Order.attention.is_not(None))) or 0
    waiting = [due for due in oldest if due is not None and due < now - LATE]
    if waiting:
        since = _age(now - min(waiting))
        yield Diagnosis(
            "worker", "error", f"work has been due for {since}", "run `tollgate worker`, or set WORKER=embedded"
        )
    else:
        yield Diagnosis("worker", "ok", "no work is overdue")
    if attention:
        yield Diagnosis("orders", "warning", f"{attention} need a look", "see `tollgate orders attention`")


def _webhooks(settings: Settings) -> Iterator[Diagnosis]:
    kinds = ", ".join(sorted({f"{name.rpartition('.')[0]}.*" for name in EVENTS}))
    events = {"stripe": f"with the events {kinds}", "btcpay": "with all invoice events"}
    own = is_private(host_of(settings.public_url))
    for name in settings.rails:
        url = f"{settings.public_url}/v1/webhooks/{name}"
        yield Diagnosis(f"{name} webhook", "ok", f"its address is {url}, {events[name]}")
    if own and "stripe" in settings.rails and not is_private(host_of(settings.stripe_api_base)):
        fix = f"for a trial: stripe listen --forward-to {settings.public_url}/v1/webhooks/stripe"
        yield Diagnosis("stripe webhook", "warning", "Stripe cannot reach a private address", fix)


def _age(span: timedelta) -> str:
    return str(span - timedelta(microseconds=span.microseconds))
