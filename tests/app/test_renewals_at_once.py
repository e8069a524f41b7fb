"""Two renewals of one entitlement, told at the same moment, again and again: both terms count, each time."""

import threading
from datetime import timedelta

import pytest
from trials import COUNT

from app import ingest
from app.books import keystore
from app.checkout import NewOrder, open_order
from app.gate import Gate
from app.renewals import open_renewal
from app.sync import nudge

TERM = timedelta(days=30)


@pytest.fixture
def days(tollgate, btcpay, notify, clock):
    """How much time somebody has who bought once, and whose two renewals were told by two threads at once."""

    def _days(number):
        opened = open_order(tollgate, NewOrder("pro", "btcpay"))
        btcpay.pay(at=clock.now)
        nudge(tollgate, opened.order.id)
        record = Gate(tollgate).identify({"X-API-Key": opened.api_key.reveal()})
        [open_renewal(tollgate, record, NewOrder("pro", "btcpay")) for _ in range(2)]
        notes = [notify(btcpay.pay(which, at=clock.now), f"evt_{number}_{which}") for which in (-2, -1)]
        _at_once(lambda note: ingest.receive(tollgate, "btcpay", note), notes)
        with tollgate.db.read() as session:
            entitlement = keystore(session, tollgate).lock(record.entitlement)
            return entitlement.ends_at - entitlement.starts_at

    return _days


def _at_once(work, things):
    start = threading.Barrier(len(things))
    threads = [threading.Thread(target=lambda one=one: start.wait() is None or work(one)) for one in things]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]


def test_both_terms_count_each_time(days):
    assert [days(number) for number in range(COUNT)] == [3 * TERM] * COUNT
