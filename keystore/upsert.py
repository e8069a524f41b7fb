"""INSERT ... ON CONFLICT, which our databases spell alike and SQLAlchemy keeps apart."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from keystore.models import Base

_DIALECTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_into(session: Session, table: type[Base]) -> Any:
    """The dialect's INSERT into this table, which has `on_conflict_do_update`."""
    return _DIALECTS[session.get_bind().dialect.name](table)
