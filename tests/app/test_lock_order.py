"""Entitlement, order, checkout, receipt: whoever takes several of these takes them in that order, or two wait for each other."""

import re
from itertools import groupby

import pytest
from sqlalchemy import event

from app import links, recovery, renewals, strangers, sync
from app.checkout import NewOrder, add_checkout, open_order
from app.ingest import receive
from app.operators import entitlements, orders, refunds
from keystore.models import ApiKey, Entitlement

RANKS = ("entitlements", "orders", "checkouts", "receipts")
LOCKS = re.compile(r"^UPDATE (\w+)|\bFROM (\w+)[\s\S]*FOR UPDATE")


@pytest.fixture
def database_url(postgresql_url):
    """SQLite has one lock for everything."""
    return postgresql_url


@pytest.fixture
def locked(tollgate):
    """The ranks of the tables in which each transaction locked a row first, as it came to them."""
    seen = []

    @event.listens_for(tollgate.db.engine, "before_cursor_execute")
    def note(connection, _cursor, statement, *_):
        found = LOCKS.search(statement)
        table = found and (found[1] or found[2])
        seen.extend((connection.get_transaction(), RANKS.index(table)) for _ in range(table in RANKS))

    yield lambda: [list(dict.fromkeys(rank for _, rank in rows)) for _, rows in groupby(seen, key=lambda pair: pair[0])]
    event.remove(tollgate.db.engine, "before_cursor_execute", note)


@pytest.fixture
def paid(tollgate, buy, stripe, clock, notify):
    """An order that is paid by card; its id."""
    opened = buy("stripe", email="ada@example.com")
    receive(tollgate, "stripe", notify(stripe.pay(at=clock())))
    return opened.order.id


def holder(tollgate, rows):
    with tollgate.db.read() as session:
        return recovery.keystore(session, tollgate).find_record(rows(ApiKey)[0].id)


STEPS = {
    "a payer says that it was not theirs": lambda tollgate, order, _: strangers.tell(
        tollgate, links.stranger(tollgate.settings, order).rpartition("/")[2]
    ),
    "an operator asks the provider": lambda tollgate, order, _: orders.sync_now(tollgate, order),
    "the buyer looks": lambda tollgate, order, _: sync.nudge(tollgate, order),
    "another order": lambda tollgate, *_: open_order(tollgate, NewOrder("pro", "btcpay")),
    "the other rail": lambda tollgate, *_: add_checkout(
        tollgate, open_order(tollgate, NewOrder("pro", "stripe")).order.id, "btcpay"
    ),
    "a refund": lambda tollgate, order, _: refunds.refund(tollgate, order, refunds.RefundOrder(), actor="ada"),
    "a suspension": lambda tollgate, _, rows: entitlements.suspend(
        tollgate, rows(Entitlement)[0].id, reason="x", actor="ada"
    ),
    "a renewal": lambda tollgate, _, rows: renewals.open_renewal(
        tollgate, holder(tollgate, rows), NewOrder("pro", "btcpay")
    ),
    "a new key": lambda tollgate, _, rows: recovery.reissue(tollgate, rows(Entitlement)[0].id, actor="ada"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_locks_in_the_one_order(tollgate, paid, locked, rows, step):
    STEPS[step](tollgate, paid, rows)
    assert [ranks for ranks in locked() if ranks != sorted(ranks)] == []


def test_a_notification_locks_in_the_one_order(tollgate, locked, paid):
    assert [0, 1, 2, 3] in locked()
    assert [ranks for ranks in locked() if ranks != sorted(ranks)] == []


def test_a_payer_who_tells_us_waits_for_the_entitlement_before_the_order(tollgate, paid, locked, rows):
    STEPS["a payer says that it was not theirs"](tollgate, paid, rows)
    assert locked() == [[0, 1]]


def test_a_checkout_that_was_opened_is_written_down_under_its_orders_lock(buy, locked):
    buy("btcpay")
    assert [0, 1, 2] in locked()
