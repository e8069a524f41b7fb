"""How well this installation is: can it serve, and what is piling up."""

import logging
from typing import NamedTuple

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.models import Order, Parcel, Receipt
from app.tollgate import Tollgate
from keystore.errors import CounterStoreDown
from migrations import NEWEST

log = logging.getLogger(__name__)


class Lack(NamedTuple):
    """Why requests cannot be served, and the operator's cure."""

    what: str
    cure: str


class Sample(NamedTuple):
    """One number to watch."""

    name: str
    value: int
    meaning: str


def readiness(tollgate: Tollgate) -> list[str]:
    """Why requests cannot be served; empty when they can. Says nothing that a stranger should not read."""
    return [lack.what for lack in lacks(tollgate)]


def lacks(tollgate: Tollgate) -> list[Lack]:
    """The same with cures, which are for operators."""
    return [*_database(tollgate), *_counter(tollgate)]


def revision(tollgate: Tollgate) -> str | None:
    """What the database was migrated to, without Alembic, which is large. None where it never was, or all of that was taken back.

    For a start: no thread is begun, so a server may fork afterwards. Raises SQLAlchemyError where it does not answer.
    """
    with tollgate.db.engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return current


def _database(tollgate: Tollgate) -> list[Lack]:
    try:
        current = tollgate.db.ask(_revision)  # one that hangs is no database
    except SQLAlchemyError as error:
        log.warning("not ready: %s", error)
        return [Lack("the database does not answer", "check DATABASE_URL, and whether its server runs")]
    if current == NEWEST:
        return []
    how = "was never migrated" if current is None else "is not migrated to this version"
    return [Lack(f"the database {how}", "run `tollgate db upgrade`")]


def _counter(tollgate: Tollgate) -> list[Lack]:
    try:
        tollgate.counter.ping()
    except CounterStoreDown:
        return [Lack("the counter store does not answer", "check REDIS_URL, and whether Redis runs")]
    return []


def find_backlog(tollgate: Tollgate) -> list[Sample] | None:
    """What waits for the worker or for an operator. None while the database does not tell, which is not waited for."""
    try:
        tollgate.db.ask(lambda connection: connection.execute(text("SELECT 1")))  # counting may take its time, this not
        return _backlog(tollgate)
    except SQLAlchemyError as error:
        log.warning("the backlog is not known: %s", error)
        return None


def _backlog(tollgate: Tollgate) -> list[Sample]:
    watched = {
        "receipts_due": (Receipt.state == "due", "Notifications whose effect is not committed yet"),
        "receipts_parked": (Receipt.state == "parked", "Notifications that match nothing, or failed too often"),
        "parcels_due": (Parcel.state == "due", "Things still to be sent"),
        "parcels_parked": (Parcel.state == "parked", "Things that could not be sent"),
        "orders_attention": (Order.attention.is_not(None), "Orders an operator should look at"),
    }
    with tollgate.db.read() as session:
        counts = {name: session.scalar(select(func.count()).where(which)) for name, (which, _) in watched.items()}
    return [Sample(name, counts[name] or 0, meaning) for name, (_, meaning) in watched.items()]
