"""Pages of rows, newest first; the last id is the cursor to the next page."""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.operators.situations import NotThere

Row = TypeVar("Row")
MOST_PER_PAGE = 100


def read_page(
    session: Session,
    query: Select[Row],
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[str],
    *,
    limit: int,
    after: str | None,
) -> tuple[list[Row], bool]:
    """Up to `limit` rows after the cursor, and whether there are more. Raises NotThere for a cursor that is no row."""
    limit = min(limit, MOST_PER_PAGE)
    if after is not None:
        last: Any = session.execute(select(at, key).where(key == after)).first()
        if last is None:
            raise NotThere(after)
        query = query.where(tuple_(at, key) < tuple_(*last))
    rows = list(session.scalars(query.order_by(at.desc(), key.desc()).limit(limit + 1)))
    return rows[:limit], len(rows) > limit
