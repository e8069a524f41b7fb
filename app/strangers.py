"""A payer says: I bought nothing. An operator looks into it; the key itself is not touched by a link in a mail."""

from app import attention, audit, books, links, news
from app.tollgate import Tollgate

DETAIL = "whoever paid says that this order is not theirs: ask them, and refund it if so"


def check(tollgate: Tollgate, token: str) -> str:
    """The order that a link of ours is about. Raises LinkSpent."""
    return links.order_of_stranger(tollgate.settings, token)


def tell(tollgate: Tollgate, token: str) -> None:
    """Flag the order, once. Raises LinkSpent."""
    order_id, now = check(tollgate, token), tollgate.clock()
    with tollgate.db.write() as session:
        order = books.lock_order(session, tollgate, order_id)
        if attention.raise_flag(order, "not_theirs", order.id, DETAIL):
            audit.write(session, "order.disowned", order.id, actor="payer", now=now)
            news.of_flags(session, tollgate, order, now=now)
