"""Several workers look at the same moment, and work through what they found after it was put off: its pause holds."""

import pytest

from app import outbox, receipts
from app.ingest import process, receive
from app.models import Parcel, Receipt
from app.outbox import Away
from providers.base import Unavailable


def carry(error):
    """A carrier whose every try ends so."""

    def fail(_tollgate, _payload):
        raise error

    return {"trial": fail}


@pytest.fixture
def write(tollgate, clock):
    def _write(name):
        with tollgate.db.write() as session:
            outbox.add(session, "trial", name, {}, now=clock())

    return _write


def test_a_receipt_that_was_postponed_waits_whoever_had_found_it_before(tollgate, buy, btcpay, notify, rows):
    buy("btcpay")
    (reference,) = btcpay.answers
    btcpay.answers[reference] = Unavailable("down")
    receive(tollgate, "btcpay", notify(reference))
    process(tollgate, rows(Receipt)[0].id)
    assert rows(Receipt)[0].attempts == 1


def test_a_postponed_receipt_that_is_delivered_again_is_tried_at_once(tollgate, buy, btcpay, notify, rows):
    buy("btcpay")
    (reference,) = btcpay.answers
    good, btcpay.answers[reference] = btcpay.answers[reference], Unavailable("down")
    receive(tollgate, "btcpay", notify(reference))
    btcpay.answers[reference] = good
    assert receive(tollgate, "btcpay", notify(reference)).state == "applied"


def test_a_parcel_that_failed_waits_whoever_had_found_it_before(tollgate, write, rows):
    write("trial:1")
    found = outbox.find_due(tollgate, limit=9)[0][1]
    [outbox.send(tollgate, carry(ValueError("450 later")), found) for _ in range(3)]
    assert rows(Parcel)[0].attempts == 1


def test_of_all_that_waits_for_a_host_that_is_away_one_is_tried(tollgate, write, rows):
    [write(f"trial:{number}") for number in range(3)]
    outbox.run_due(tollgate, carry(Away("nobody there")))
    assert sorted(row.error or "" for row in rows(Parcel)) == ["", "", "nobody there"]


def test_nobody_can_lease_what_is_not_due(tollgate, buy, btcpay, notify, rows, clock):
    buy("btcpay")
    (reference,) = btcpay.answers
    btcpay.answers[reference] = Unavailable("down")
    receive(tollgate, "btcpay", notify(reference))
    early = receipts.lease(tollgate, rows(Receipt)[0].id)
    clock.forward(seconds=3)
    assert (early, receipts.lease(tollgate, rows(Receipt)[0].id) is None) == (None, False)
