"""What operators took off sale, without a restart: read again every few seconds by each process. The catalogue stays as it is."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from app.db import Database, DatabaseDown
from app.models import PlanSwitch

FRESH = timedelta(seconds=3)
EVERYWHERE = ""  # the provider of a switch that holds for the whole plan

Off = frozenset[tuple[str, str]]  # (plan, provider)


class Switches:
    """One per process. Thread-safe: nobody waits for another one's question. While the database is away, what it said last holds."""

    def __init__(self) -> None:
        self._off: Off | None = None  # nobody has asked yet
        self._asked_at: datetime | None = None

    def is_off(self, db: Database, plan: str, provider: str, *, now: datetime) -> bool:
        """Whether an operator took this plan off sale at this provider. Raises DatabaseDown where it never said so far."""
        off = self._fresh(db, now)
        return (plan, EVERYWHERE) in off or (plan, provider) in off

    def forget(self) -> None:
        """Read anew next time: this very process has just changed something."""
        self._asked_at = None

    def _fresh(self, db: Database, now: datetime) -> Off:
        known = self._off
        if known is not None and self._asked_at and timedelta(0) <= now - self._asked_at < FRESH:
            return known
        try:
            known = self._off = db.ask(_read)
        except DatabaseDown:
            if known is None:  # what was taken off sale is not shown by accident
                raise
        self._asked_at = now
        return known


def _read(connection: Connection) -> Off:
    rows = connection.execute(select(PlanSwitch.plan, PlanSwitch.provider))
    return frozenset((plan, provider) for plan, provider in rows)
