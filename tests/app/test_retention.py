"""What is old and done with is forgotten; what is not, or could be said twice, is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app import outbox, retention
from app.ingest import receive
from app.models import AuditEntry, Delivery, Order, Parcel, Payment, Receipt, WebhookEndpoint
from app.operators import parcels
from app.operators.situations import NotPossible
from app.outgoing import history
from app.problems import EndpointNotFound


@pytest.fixture
def keeping(tollgate):
    """The same installation with another RETENTION_DAYS."""

    def _keeping(days):
        fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
        return replace(tollgate, settings=type(tollgate.settings)(_env_file=None, **fields, retention_days=days))

    return _keeping


@pytest.fixture
def add(tollgate, clock):
    """Put rows into the database, so many days old."""

    def _add(model, days, count=1, **values):
        at = clock.now - timedelta(days=days)
        with tollgate.db.write() as session:
            session.add_all(
                [model(**ROWS[model](f"{days}-{values.get('state')}-{n}", at) | values) for n in range(count)]
            )

    return _add


ROWS = {
    Receipt: lambda name, at: {
        "id": f"rcp_{name}", "provider": "stripe", "event_id": name, "kind": "paid", "hint": {}, "body": "{}", "due_at": at, "received_at": at,
    },
    Parcel: lambda name, at: {
        "id": f"par_{name}", "dedupe": f"publish:{name}", "kind": "publish", "payload": {"to": "a@example.com"}, "due_at": at, "created_at": at,
    },
    Delivery: lambda name, at: {
        "id": f"dlv_{name}", "endpoint_id": "whe_1", "message_id": "msg_1", "event": "order.paid", "at": at, "milliseconds": 1,
    },
    WebhookEndpoint: lambda _, at: {
        "id": "whe_1", "url": "https://example.com", "events": [], "secret": "sealed", "status": "enabled", "created_at": at,
    },
    AuditEntry: lambda name, at: {"id": f"aud_{name}", "at": at, "actor": "admin", "action": "x", "target": "y"},
}  # fmt: skip


def test_receipts_that_are_done_with_go_and_those_that_wait_stay(tollgate, add, rows):
    [add(Receipt, 91, state=state) for state in ("applied", "ignored", "due", "parked")]
    add(Receipt, 89, state="applied")
    retention.forget(tollgate)
    assert sorted(row.event_id for row in rows(Receipt)) == ["89-applied-0", "91-due-0", "91-parked-0"]


def test_errands_that_are_done_go_and_those_that_wait_stay(tollgate, add, rows):
    [add(Parcel, 91, state=state) for state in ("sent", "due", "parked")]
    add(Parcel, 89, state="sent")
    retention.forget(tollgate)
    assert sorted(row.id for row in rows(Parcel)) == ["par_89-sent-0", "par_91-due-0", "par_91-parked-0"]


@pytest.mark.parametrize("kind", ["mail", "webhook"])
def test_what_was_said_loses_its_content_and_is_not_said_again(tollgate, add, rows, clock, kind):
    add(Parcel, 91, state="sent", kind=kind, dedupe=f"{kind}:receipt:ord_1")
    retention.forget(tollgate)
    with tollgate.db.write() as session:
        outbox.add(session, kind, f"{kind}:receipt:ord_1", {"to": "a@example.com"}, now=clock.now)
    assert [(row.state, row.payload) for row in rows(Parcel)] == [("forgotten", {})]


def test_what_is_forgotten_cannot_be_resent(tollgate, add):
    add(Parcel, 91, state="sent", kind="mail", id="par_1")
    retention.forget(tollgate)
    with pytest.raises(NotPossible):
        parcels.resend(tollgate, "par_1", actor="test")


def test_a_forgotten_message_is_not_there_to_be_sent_to_its_receiver_again(tollgate, add):
    add(WebhookEndpoint, 91)
    add(Parcel, 91, state="sent", kind="webhook", dedupe="webhook:whe_1:msg_1")
    retention.forget(tollgate)
    with pytest.raises(EndpointNotFound):
        history.resend(tollgate, "whe_1", "msg_1", actor="test")


def test_attempts_of_deliveries_go(tollgate, add, rows):
    add(WebhookEndpoint, 91)
    [add(Delivery, days) for days in (91, 89)]
    retention.forget(tollgate)
    assert [row.id for row in rows(Delivery)] == ["dlv_89-None-0"]


def test_money_and_the_audit_log_stay(tollgate, add, buy, stripe, clock, notify, rows):
    buy()
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now)))
    add(AuditEntry, 91)
    before = [len(rows(model)) for model in (Order, Payment, AuditEntry)]
    clock.forward(days=1000)
    retention.forget(tollgate)
    assert [len(rows(model)) for model in (Order, Payment, AuditEntry)] == before


def test_a_notification_that_comes_again_after_years_changes_nothing(tollgate, buy, stripe, clock, notify, rows):
    buy()
    note = notify(stripe.pay(at=clock.now))
    receive(tollgate, "stripe", note)
    clock.forward(days=1000)
    retention.forget(tollgate)
    assert (receive(tollgate, "stripe", note).state, len(rows(Payment))) == ("applied", 1)


def test_nothing_is_forgotten_where_all_is_to_be_kept(keeping, add, rows):
    add(Receipt, 5000, state="applied")
    assert (retention.forget(keeping(0)), len(rows(Receipt))) == (0, 1)


def test_the_setting_says_when(keeping, add, rows):
    add(Receipt, 8, state="applied")
    assert (retention.forget(keeping(7)), rows(Receipt)) == (1, [])


def test_a_backlog_goes_in_batches(tollgate, add, rows):
    add(Receipt, 91, count=2 * retention.BATCH + 1, state="applied")
    assert (retention.forget(tollgate), rows(Receipt)) == (2 * retention.BATCH + 1, [])
