"""What operators see: lists, one order's file, receipts, parcels, plans, tokens, audit and report."""

import csv
import io
import json
from dataclasses import replace

import pytest

from app import keys, outbox
from app.catalog import NotOnSale
from app.checkout import NewOrder, open_order
from app.ingest import receive
from app.keys import KeyOrder
from app.models import AdminToken, AuditEntry, Parcel
from app.operators import money, orders, parcels, plans, receipts, refunds, report, sheets, timeline, tokens, trail
from app.operators.orders import OrderFilter
from app.operators.receipts import ReceiptFilter
from app.operators.redaction import without_people
from app.operators.refunds import RefundOrder
from app.operators.situations import NotPossible, NotThere
from app.operators.trail import AuditFilter
from app.problems import InvalidInput, OrderNotFound, UnknownProvider
from providers.events import CheckoutState, PaymentState

ADA = "admin:ada"


@pytest.fixture
def bought(tollgate, buy, stripe, notify, clock):
    """A paid order whose webhook came; its id."""
    order_id = buy("stripe", email="Ada@example.com").order.id
    clock.forward(seconds=5)
    receive(tollgate, "stripe", notify(stripe.pay(at=clock()), livemode=False))
    return order_id


def found(tollgate, **only):
    return [line.view.id for line in orders.list_page(tollgate, OrderFilter(**only)).data]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", lambda order, stripe: "ada@EXAMPLE.com"),
        ("key", lambda order, stripe: order.key_id),
        ("reference", lambda order, stripe: next(iter(stripe.answers))),
        ("status", lambda order, stripe: "paid"),
    ],
)
def test_an_order_is_found_by(tollgate, bought, buy, stripe, name, value):
    order = orders.list_page(tollgate, OrderFilter()).data[0].view
    wanted = {name: value(order, stripe)}
    buy("btcpay")
    assert found(tollgate, **wanted) == [bought]


@pytest.mark.parametrize(
    "only", [{"email": "eve@example.com"}, {"key": "key_x"}, {"reference": "cs_x"}, {"attention": "any"}]
)
def test_an_order_is_not_found_by_what_is_not_its_own(tollgate, bought, only):
    assert found(tollgate, **only) == []


def test_an_order_is_found_by_the_name_of_its_refund(tollgate, bought):
    made = refunds.refund(tollgate, bought, RefundOrder(amount=1), actor=ADA)
    assert found(tollgate, reference=made.reference) == [bought]


def test_orders_are_read_page_by_page(tollgate, buy, clock):
    made = [(buy("btcpay").order.id, clock.forward(seconds=1))[0] for _ in range(3)]
    first = orders.list_page(tollgate, OrderFilter(), limit=2)
    rest = orders.list_page(tollgate, OrderFilter(), limit=2, after=first.data[-1].view.id)
    assert [line.view.id for line in first.data + rest.data] == made[::-1]
    assert (first.has_more, rest.has_more) == (True, False)


def test_a_cursor_that_is_no_order_is_refused(tollgate):
    with pytest.raises(NotThere):
        orders.list_page(tollgate, OrderFilter(), after="ord_x")


def test_an_orders_file_tells_its_story_in_the_order_of_time(tollgate, bought):
    refunds.refund(tollgate, bought, RefundOrder(amount=1, reason="sorry"), actor=ADA)
    story = timeline.read(tollgate, bought).timeline
    assert {"order", "checkout", "key", "payment", "receipt", "refund", "audit"} <= {event.what for event in story}
    assert [event.at for event in story] == sorted(event.at for event in story)


def test_an_orders_file_names_who_did_it(tollgate, bought):
    refunds.refund(tollgate, bought, RefundOrder(amount=1), actor=ADA)
    assert ADA in {event.by for event in timeline.read(tollgate, bought).timeline}


def test_an_unknown_order_has_no_file(tollgate):
    with pytest.raises(OrderNotFound):
        timeline.read(tollgate, "ord_x")


def test_a_receipt_shows_neither_names_nor_addresses():
    body = {
        "id": "evt_1",
        "customer_details": {"email": "ada@example.com", "name": "Ada L"},
        "note": "from ada@example.com",
    }
    shown = without_people(json.dumps(body))
    assert "evt_1" in shown
    assert not {"ada@example.com", "Ada L"} & set(json.loads(shown)["customer_details"].values())
    assert "ada@" not in shown


def test_a_stored_notification_does_not_say_how_a_refund_is_claimed():
    assert "PULL1" not in without_people(json.dumps({"type": "InvoiceRefund", "pullPaymentId": "PULL1"}))


def test_what_is_no_json_loses_its_addresses_too():
    assert without_people("{ ada@example.com") == "{ [hidden]"


def test_receipts_are_found_by_what_they_are_about(tollgate, bought, stripe):
    page = receipts.list_page(tollgate, ReceiptFilter(reference=next(iter(stripe.answers)), state="applied"))
    assert [view.event_id for view in page.data] == ["evt_1"]


def test_a_parked_receipt_is_worked_on_again(tollgate, notify):
    receive(tollgate, "stripe", notify("cs_unknown", livemode=False))
    (parked,) = receipts.find_range(tollgate, ReceiptFilter(state="parked"))
    assert receipts.replay(tollgate, parked, actor=ADA) == "parked"


def test_an_applied_receipt_can_be_replayed_and_changes_nothing(tollgate, bought):
    (applied,) = receipts.find_range(tollgate, ReceiptFilter(state="applied"))
    assert receipts.replay(tollgate, applied, actor=ADA) == "applied"
    assert len(timeline.read(tollgate, bought).payments) == 1


def test_an_unknown_receipt_is_not_there(tollgate):
    with pytest.raises(NotThere):
        receipts.replay(tollgate, "rcp_x", actor=ADA)


def test_all_receipts_there_ever_were_are_not_replayed_by_mistake(tollgate):
    with pytest.raises(InvalidInput):
        receipts.find_range(tollgate, ReceiptFilter(provider="stripe"))


@pytest.fixture
def parcel(tollgate, clock, rows):
    """A parcel that was given up; its id."""
    with tollgate.db.write() as session:
        outbox.add(session, "nowhere", "nowhere:1", {}, now=clock())
    outbox.run_due(tollgate, {})
    return rows(Parcel)[0].id


def test_a_parcel_that_was_given_up_is_sent_again(tollgate, parcel):
    assert parcels.find(tollgate, state="parked") == (parcel,)
    assert parcels.resend(tollgate, parcel, actor=ADA).state == "due"


def test_a_parcel_that_is_being_sent_is_left_alone(tollgate, parcel, clock, rows):
    with tollgate.db.write() as session:
        session.get_one(Parcel, parcel).lease_until = clock()
    with pytest.raises(NotPossible):
        parcels.resend(tollgate, parcel, actor=ADA)


def test_an_unknown_parcel_is_not_there(tollgate):
    with pytest.raises(NotThere):
        parcels.resend(tollgate, "par_x", actor=ADA)


def test_a_plan_is_off_sale_at_once(tollgate):
    plans.switch(tollgate, "pro", on_sale=False, actor=ADA)
    with pytest.raises(NotOnSale):
        open_order(tollgate, NewOrder("pro", "stripe"))


def test_a_plan_is_off_sale_at_one_rail_only(tollgate):
    plans.switch(tollgate, "pro", on_sale=False, provider="stripe", actor=ADA)
    assert open_order(tollgate, NewOrder("pro", "btcpay")).order.status == "open"


def test_another_process_hears_of_it_within_seconds(tollgate, clock):
    other = replace(tollgate, switches=type(tollgate.switches)())
    open_order(other, NewOrder("pro", "btcpay"))
    plans.switch(tollgate, "pro", on_sale=False, actor=ADA)
    clock.forward(seconds=5)
    with pytest.raises(NotOnSale):
        open_order(other, NewOrder("pro", "btcpay"))


def test_a_plan_can_be_put_back(tollgate):
    plans.switch(tollgate, "pro", on_sale=False, provider="stripe", actor=ADA)
    plans.switch(tollgate, "pro", on_sale=True, actor=ADA)
    assert open_order(tollgate, NewOrder("pro", "stripe")).order.status == "open"


def test_a_rail_without_that_plan_cannot_be_switched(tollgate, rows):
    with pytest.raises(UnknownProvider):
        plans.switch(tollgate, "team", on_sale=False, provider="stripe", actor=ADA)
    assert rows(AuditEntry) == []


def test_a_token_stands_for_its_name_and_scope(tollgate):
    _, token = tokens.create(tollgate, "ada", scope="read", actor="test")
    assert tokens.find_operator(tollgate, token.reveal()) == tokens.Operator("admin:ada", may_write=False)


def test_a_token_is_not_in_the_database(tollgate, rows):
    _, token = tokens.create(tollgate, "ada", scope="read", actor="test")
    assert token.reveal().encode() not in rows(AdminToken)[0].digest


def test_a_revoked_token_is_nobodys(tollgate):
    _, token = tokens.create(tollgate, "ada", scope="write", actor="test")
    tokens.revoke(tollgate, "ada", actor="test")
    assert tokens.find_operator(tollgate, token.reveal()) is None


@pytest.mark.parametrize(
    ("name", "scope"), [("", "read"), ("a b", "read"), ("x" * 41, "read"), ("cli", "read"), ("ada", "root")]
)
def test_odd_names_and_scopes_make_no_token(tollgate, rows, name, scope):
    with pytest.raises(InvalidInput):
        tokens.create(tollgate, name, scope=scope, actor="test")
    assert rows(AdminToken) == []


def test_two_tokens_never_share_a_name(tollgate):
    tokens.create(tollgate, "ada", scope="read", actor="test")
    with pytest.raises(NotPossible):
        tokens.create(tollgate, "ada", scope="write", actor="test")


def test_the_use_of_a_token_is_noted(tollgate, clock):
    _, token = tokens.create(tollgate, "ada", scope="read", actor="test")
    tokens.find_operator(tollgate, token.reveal())
    assert tokens.list_all(tollgate)[0].last_used_at == clock()


def test_the_audit_log_is_narrowed(tollgate):
    keys.create(tollgate, KeyOrder("pro"), actor=ADA)
    keys.create(tollgate, KeyOrder("pro"), actor="admin:eve")
    assert [entry.actor for entry in trail.list_page(tollgate, AuditFilter(actor=ADA)).data] == [ADA]


def test_the_audit_log_as_a_sheet(tollgate):
    keys.create(tollgate, KeyOrder("pro"), actor=ADA)
    (row,) = csv.DictReader(io.StringIO("".join(sheets.audit(trail.every(tollgate, AuditFilter())))))
    assert (row["actor"], row["action"]) == (ADA, "key.created")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_of_a_sheet_is_a_formula(text):
    assert "".join(sheets.lines(["a"], [[text]])) == f"a\r\n'{text}\r\n"


def test_the_report_adds_up_by_month_rail_and_plan(tollgate, bought, clock):
    clock.forward(days=30)
    refunds.refund(tollgate, bought, RefundOrder(amount=200), actor=ADA)
    came, went = report.money(tollgate)
    assert (came.month, came.provider, came.plan, came.payments, came.amount, came.net) == (
        "2026-11",
        "stripe",
        "pro",
        1,
        1200,
        1200,
    )
    assert (went.month, went.refunds, went.refunded, went.net) == ("2026-12", 1, 200, -200)


def test_the_report_can_be_of_some_time_only(tollgate, bought, clock):
    clock.forward(seconds=60)
    assert report.money(tollgate, since=clock()) == ()


def test_money_that_waits_is_told_apart_until_it_is_accepted(tollgate, buy, btcpay, clock):
    order_id = buy("btcpay").order.id
    btcpay.pay(at=clock(), state=PaymentState.HELD, checkout_state=CheckoutState.EXPIRED)
    orders.sync_now(tollgate, order_id)
    waiting = report.money(tollgate)[0].held
    money.accept(tollgate, order_id, actor=ADA)
    assert (waiting, report.money(tollgate)[0].held) == (1200, 0)
