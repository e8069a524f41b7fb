"""Usage per key and day: added up in batches, read for charts."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from keystore.models import Usage
from keystore.upsert import insert_into

_usage = Usage.__table__.c


@dataclass(frozen=True, slots=True)
class DayUse:
    """What one key did on one day (UTC): the cost of the requests that passed, and of those that a limit refused."""

    key_id: str
    day: date
    requests: int
    refused: int


def add_usage(session: Session, uses: Collection[DayUse]) -> None:
    """Add to what is there. In the order of the keys, so that two batches never wait for each other."""
    if not uses:
        return
    statement = insert_into(session, Usage)
    more = {name: _usage[name] + statement.excluded[name] for name in ("requests", "refused")}
    statement = statement.on_conflict_do_update(index_elements=[_usage.key_id, _usage.day], set_=more)
    session.execute(statement, [asdict(use) for use in sorted(uses, key=lambda use: (use.key_id, use.day))])


def read_usage(session: Session, key_ids: Iterable[str], *, since: date) -> list[DayUse]:
    """Each day of these keys that has any use, oldest first."""
    query = select(_usage.key_id, _usage.day, _usage.requests, _usage.refused)
    rows = session.execute(query.where(_usage.key_id.in_(key_ids), _usage.day >= since).order_by(_usage.day))
    return [DayUse(*row) for row in rows]
