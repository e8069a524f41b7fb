"""Quotas survive everything: SQL hands them out in blocks, and counters spend the blocks.

What was handed out is never taken back, so a block that is lost (the counter store flushed, a process killed) is a few
requests too few, never one too many.
"""

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from keystore.limits.contract import Block
from keystore.models import QuotaBlock
from keystore.periods import Budget
from keystore.upsert import insert_into

_blocks = QuotaBlock.__table__.c


def block_size(limit: int) -> int:
    """Requests in a block: a thousandth of the quota, so that losing one hardly shows."""
    return max(1, limit // 1000)


def reserve(session: Session, entitlement: str, budget: Budget, *, short: int) -> Block:
    """Take a block of at least `short` out of the quota, in one statement; an empty one if there are not so many left.

    Commit before anything of it is spent.
    """
    if short > budget.limit:
        return read_reserved(session, entitlement, budget)
    wanted = max(block_size(budget.limit), short)
    first = min(wanted, budget.limit)
    fits = _blocks.reserved + wanted <= budget.limit
    grant = case((fits, wanted), else_=budget.limit - _blocks.reserved)
    statement = insert_into(session, QuotaBlock).values(
        entitlement_id=entitlement, period=budget.period, reserved=first, granted=first
    )
    taken = session.execute(
        statement.on_conflict_do_update(
            index_elements=[_blocks.entitlement_id, _blocks.period],
            set_={"granted": grant, "reserved": _blocks.reserved + grant},
            where=_blocks.reserved + short <= budget.limit,
        ).returning(_blocks.granted, _blocks.reserved)
    ).first()
    return Block(*taken) if taken else read_reserved(session, entitlement, budget)


def read_reserved(session: Session, entitlement: str, budget: Budget) -> Block:
    """How much of the period was handed out; the block itself is empty."""
    query = select(_blocks.reserved).where(_blocks.entitlement_id == entitlement, _blocks.period == budget.period)
    return Block(0, session.scalar(query) or 0)
