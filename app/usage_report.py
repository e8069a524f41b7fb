"""What a holder is told about use: what the limits leave now, and what each key did in the last days."""

from dataclasses import dataclass
from datetime import timedelta

from app.books import keystore
from app.metering import look, terms_of
from app.tollgate import Tollgate
from keystore.plans import Count
from keystore.records import KeyFilter
from keystore.usage import DayUse, read_usage
from keystore.verdict import KeyRecord, Verdict, judge

DAYS = 30
MOST_KEYS = 100  # the newest; rotation leaves many behind


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """One key, and the days on which it was used."""

    key_id: str
    name: str | None
    hint: str
    days: tuple[DayUse, ...]


@dataclass(frozen=True, slots=True)
class UsageReport:
    """`count` is None while the key does not work: there is nothing it could spend."""

    count: Count | None
    keys: tuple[KeyUsage, ...]


def report(tollgate: Tollgate, record: KeyRecord, *, only: str | None = None) -> UsageReport:
    """All keys of the entitlement, or `only` this one. Nothing is counted."""
    today = tollgate.clock().date()
    with tollgate.db.read() as session:
        page = keystore(session, tollgate).list_keys(limit=MOST_KEYS, only=KeyFilter(entitlement=record.entitlement))
        infos = [info for info in page.keys if only in (None, info.id)]
        days = read_usage(session, [info.id for info in infos], since=today - timedelta(days=DAYS - 1))
    keys = (
        KeyUsage(info.id, info.name, info.hint, tuple(day for day in days if day.key_id == info.id)) for info in infos
    )
    return UsageReport(_count(tollgate, record), tuple(keys))


def _count(tollgate: Tollgate, record: KeyRecord) -> Count | None:
    now = tollgate.clock()
    plan = tollgate.catalog.plans.get(record.plan)
    if plan is None or judge(record, now) is not Verdict.VALID:
        return None
    return look(tollgate, terms_of(record, plan, now))
