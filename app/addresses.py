"""Addresses that a process of an older version wrote while this one was being rolled out: they are made findable."""

from sqlalchemy import select

from app.models import Customer, fold
from app.tollgate import Tollgate

BATCH = 200  # rows for each transaction: nobody waits long for the database


def fold_addresses(tollgate: Tollgate) -> int:
    """Gives how many there were."""
    unfolded = select(Customer).where(Customer.email_folded.is_(None), Customer.email.is_not(None)).limit(BATCH)
    rows, done = 0, BATCH
    while done == BATCH:
        with tollgate.db.write() as session:
            found = session.scalars(unfolded.with_for_update(skip_locked=True)).all()
            for customer in found:
                customer.email_folded = fold(customer.email or "")
        done = len(found)
        rows += done
    return rows
