"""What operators took off sale, without a restart: read again every few seconds by each process. The catalogue stays as it is."""

import threading
from datetime import datetime, timedelta

from sqlalchemy import select

from app.db import Database
from app.models import PlanSwitch

FRESH = timedelta(seconds=3)
EVERYWHERE = ""  # the provider of a switch that holds for the whole plan


class Switches:
    """One per process. Thread-safe."""

    def __init__(self) -> None:
        self._off: frozenset[tuple[str, str]] = frozenset()
        self._read_at: datetime | None = None
        self._lock = threading.Lock()

    def is_off(self, db: Database, plan: str, provider: str, *, now: datetime) -> bool:
        """Whether an operator took this plan off sale at this provider."""
        off = self._fresh(db, now)
        return (plan, EVERYWHERE) in off or (plan, provider) in off

    def forget(self) -> None:
        """Read anew next time: this very process has just changed something."""
        self._read_at = None

    def _fresh(self, db: Database, now: datetime) -> frozenset[tuple[str, str]]:
        with self._lock:
            if self._read_at is None or not timedelta(0) <= now - self._read_at < FRESH:
                with db.read() as session:
                    rows = session.execute(select(PlanSwitch.plan, PlanSwitch.provider))
                    self._off = frozenset((plan, provider) for plan, provider in rows)
                self._read_at = now
            return self._off
