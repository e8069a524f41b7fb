"""What grows with every sale is looked up by index; and what an older database holds is found after the upgrade."""

from dataclasses import replace

import pytest
from sqlalchemy import event, insert, select, text, update

from app import outbox, recovery
from app.addresses import BATCH, fold_addresses
from app.checkout import NewOrder, open_order
from app.db import make_engine
from app.ingest import receive
from app.models import Customer, Parcel
from app.operators import orders, timeline
from app.operators.orders import OrderFilter
from migrations import runner

GROWING = ("customers", "entitlements", "orders", "checkouts", "payments", "parcels", "receipts")


@pytest.fixture
def explained(tollgate):
    """Do something; the steps of SQLite's plans for it that read a whole table."""

    def _explained(act):
        asked = []
        note = lambda _connection, _cursor, statement, values, *_: asked.append((statement, values))  # noqa: E731
        event.listen(tollgate.db.engine, "before_cursor_execute", note)
        act()
        event.remove(tollgate.db.engine, "before_cursor_execute", note)
        with tollgate.db.engine.connect() as connection:
            steps = [
                row.detail
                for statement, values in asked
                if statement.startswith("SELECT")
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
        return [step for step in steps if step.startswith(tuple(f"SCAN {name}" for name in GROWING))]

    return _explained


def outbox_of_kind(tollgate, kind):
    with tollgate.db.read() as session:
        session.execute(select(Parcel.id).where(Parcel.kind == kind))


@pytest.fixture
def paid(tollgate, buy, stripe, clock, notify):
    opened = buy("stripe", email="Ada@example.com").order
    receive(tollgate, "stripe", notify(stripe.pay(at=clock())))
    return opened


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_orders_file_reads_no_whole_table(tollgate, paid, explained):
    assert explained(lambda: timeline.read(tollgate, paid.id)) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_providers_name_reads_no_whole_table(tollgate, paid, explained):
    assert explained(lambda: orders.list_page(tollgate, OrderFilter(reference="sub_1"))) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lost_key_reads_no_whole_table(tollgate, paid, explained):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    fields |= {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "shop@example.com"}
    mailing = replace(tollgate, settings=type(tollgate.settings)(_env_file=None, **fields))
    payload = {"request": "rcv_1", "email": "ada@example.com", "locale": None}
    assert explained(lambda: recovery.prepare(mailing, payload)) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reading_a_whole_table_is_noticed(tollgate, explained):
    assert explained(lambda: outbox_of_kind(tollgate, "mail"))


@pytest.mark.parametrize("email", ["Ada@example.com", "ada@EXAMPLE.com"])
def test_an_address_is_found_whatever_its_capitals(tollgate, paid, email):
    assert [line.view.id for line in orders.list_page(tollgate, OrderFilter(email=email)).data] == [paid.id]


def put(tollgate, kind, **about):
    with tollgate.db.write() as session:
        outbox.add(session, kind, kind, about, now=tollgate.clock())


def parcels(tollgate, order_id):
    return [event.text for event in timeline.read(tollgate, order_id).timeline if event.what == "parcel"]


def test_an_orders_file_has_its_own_parcels_and_those_of_its_key(tollgate, paid):
    put(tollgate, "mine", order=paid.id)
    put(tollgate, "key's", entitlement=paid.entitlement)
    assert parcels(tollgate, paid.id) == ["mine: due", "key's: due"]


def test_an_orders_file_has_no_parcels_of_the_order_that_renewed_it(tollgate, paid):
    renewal = open_order(tollgate, NewOrder("pro", "btcpay", renews=paid.entitlement)).order
    put(tollgate, "theirs", order=renewal.id, entitlement=paid.entitlement)
    assert (parcels(tollgate, paid.id), parcels(tollgate, renewal.id)) == ([], ["theirs: due"])


def test_an_older_database_is_found_by_address_after_the_upgrade_and_keeps_it_on_the_way_back(empty_url):
    runner.upgrade(empty_url, "0002")
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO customers (id, email, created_at) VALUES ('c', 'ÜNAL@X.org', '2026-11-01')")
        )
    runner.upgrade(empty_url)
    with engine.begin() as connection:
        folded = connection.scalar(text("SELECT email_folded FROM customers"))
    runner.downgrade(empty_url, "0002")
    with engine.begin() as connection:
        kept = connection.scalar(text("SELECT email FROM customers"))
    engine.dispose()
    assert (folded, kept) == ("ünal@x.org", "ÜNAL@X.org")


def test_an_address_that_an_older_process_wrote_is_found_later(tollgate, paid):
    with tollgate.db.write() as session:
        session.execute(update(Customer).values(email="ÉVA@x.org", email_folded=None))
    fold_addresses(tollgate)
    assert [line.view.id for line in orders.list_page(tollgate, OrderFilter(email="éva@X.org")).data] == [paid.id]


def test_many_addresses_of_older_processes_and_customers_without_any_come_to_an_end(tollgate):
    older = [{"id": f"cus_{n}", "email": f"{n}@x.org", "created_at": tollgate.clock()} for n in range(2 * BATCH)]
    with tollgate.db.write() as session:
        session.execute(insert(Customer), older)
        session.add(Customer(id="cus_nameless", created_at=tollgate.clock()))
    assert (fold_addresses(tollgate), fold_addresses(tollgate)) == (2 * BATCH, 0)
