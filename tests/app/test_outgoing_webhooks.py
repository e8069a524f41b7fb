"""Outgoing webhooks from the change to the receiver: signed, once, tried again, switched off."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from post_office import post_office, receiver
from sqlalchemy import select
from standardwebhooks import Webhook, WebhookVerificationError

from app import keys, outbox
from app.carriers import CARRIERS
from app.ingest import receive
from app.models import AuditEntry, Delivery, Parcel, WebhookEndpoint
from app.outgoing import endpoints, events, history, vault
from app.outgoing.delivery import PAUSES, rest
from app.outgoing.endpoints import EndpointChanges
from app.problems import EndpointDisabled, EndpointNotFound, InvalidInput
from providers.events import RefundFact


@pytest.fixture
def hook():
    with receiver() as server:
        yield server


@pytest.fixture
def clock(clock):
    """At the real time: receivers refuse signatures that are older than five minutes."""
    clock.now = datetime.now(UTC)
    return clock


@pytest.fixture
def settings_changes():
    return {"allow_private_webhooks": True}


@pytest.fixture
def tollgate(tollgate, settings_changes):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    return replace(tollgate, settings=type(tollgate.settings)(_env_file=None, **fields, **settings_changes))


@pytest.fixture
def listening(tollgate, hook):
    """An endpoint at the receiver, and its secret."""
    return lambda *names: endpoints.create(tollgate, hook.url, listens_to=names, actor="test")


@pytest.fixture
def work(tollgate):
    return lambda: outbox.run_due(tollgate, CARRIERS)


@pytest.fixture
def paid(tollgate, buy, stripe, clock, notify, work):
    def _paid(**more):
        opened = buy()
        receive(tollgate, "stripe", notify(stripe.pay(at=clock.now, **more)))
        work()
        return opened

    return _paid


def told(hook):
    return sorted(json.loads(body)["type"] for _, _, body in hook.heard)


def last(hook):
    return json.loads(hook.heard[-1][2])


def test_a_payment_is_told_signed(listening, paid, hook):
    _, secret = listening("order.paid")
    opened = paid()
    _, headers, body = hook.heard[0]
    data = Webhook(secret.reveal()).verify(body, headers)["data"]
    assert data == {
        "order": opened.order.id,
        "entitlement": opened.order.entitlement,
        "plan": "pro",
        "status": "paid",
    }


def test_who_listens_to_everything_hears_the_whole_story(listening, paid, hook):
    listening()
    paid()
    assert told(hook) == ["entitlement.changed", "key.activated", "order.paid"]


def test_a_message_under_way_to_an_endpoint_that_is_deleted_leaves_no_log(listening, tollgate, work, hook, rows):
    endpoint, _ = listening()
    history.test(tollgate, endpoint.id, actor="test")
    hook.hold.clear()
    sending = threading.Thread(target=work)
    sending.start()
    assert hook.reached.wait(10)
    endpoints.delete(tollgate, endpoint.id, actor="test")
    hook.hold.set()
    sending.join()
    assert rows(Delivery) == []


def test_a_forged_body_does_not_verify(listening, paid, hook):
    _, secret = listening("order.paid")
    paid()
    _, headers, body = hook.heard[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.reveal()).verify(body + b" ", headers)


def test_the_same_facts_again_tell_nothing_twice(listening, paid, tollgate, stripe, clock, notify, work, hook):
    listening()
    paid()
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now), "evt_2"))
    work()
    assert len(hook.heard) == 3


def test_a_refund_is_told_once(listening, paid, tollgate, stripe, clock, notify, work, hook):
    listening("refund.created")
    paid()
    reference = stripe.pay(at=clock.now)
    back = RefundFact("re_1", reference, stripe.opened[-1].money, "succeeded")
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now, refunds=(back,)), "evt_2"))
    receive(tollgate, "stripe", notify(reference, "evt_3"))
    work()
    assert told(hook) == ["refund.created"]


@pytest.mark.parametrize(
    ("event", "act"),
    [
        ("key.revoked", lambda tollgate, key_id: keys.revoke(tollgate, key_id, actor="test")),
        ("key.rotated", lambda tollgate, key_id: keys.rotate(tollgate, key_id, grace_seconds=60, actor="test")),
    ],
)
def test_the_end_of_a_key_is_told(listening, paid, tollgate, work, hook, event, act):
    listening(event)
    key_id = paid().order.key_id
    act(tollgate, key_id)
    work()
    assert last(hook)["data"]["key"] == key_id


def test_no_message_holds_a_key(listening, paid, hook):
    listening()
    secret = paid().api_key.reveal().encode()
    assert not any(secret in body for _, _, body in hook.heard)


def test_a_rolled_back_change_tells_nothing(listening, tollgate, rows):
    listening()
    with pytest.raises(ZeroDivisionError):
        emit_and_fail(tollgate)
    assert rows(Parcel) == []


def emit_and_fail(tollgate):
    with tollgate.db.write() as session:
        events.emit(session, "order.paid", "ord_1", {}, now=tollgate.clock())
        raise ZeroDivisionError


def wait_out(pauses, clock, work):
    """Let each pause pass, with its jitter."""
    for pause in pauses:
        clock.forward(seconds=pause.total_seconds() * 1.2)
        work()


def test_a_failure_comes_again_by_the_published_schedule_with_the_same_id(listening, paid, hook, clock, work, rows):
    listening("order.paid")
    hook.status = 500
    paid()
    wait_out(PAUSES, clock, work)
    ids = {headers["webhook-id"] for _, headers, _ in hook.heard}
    assert (len(hook.heard), len(ids), rows(Parcel)[0].state) == (10, 1, "parked")


@pytest.mark.parametrize("status", [301, 302, 400, 404, 500])
def test_anything_but_2xx_is_a_failure(listening, paid, hook, rows, status):
    listening("order.paid")
    hook.status = status
    paid()
    assert [(row.status, row.error) for row in rows(Delivery)] == [(status, f"answered {status}")]


def test_a_dead_endpoint_rests_and_loses_no_attempt(listening, paid, hook, clock, work, rows):
    listening()
    hook.status = 500
    paid()
    assert len(hook.heard) == 1
    assert sorted(row.attempts for row in rows(Parcel)) == [0, 0, 1]


@pytest.mark.parametrize(
    ("failing", "took", "seconds"), [(0, 0.1, 5), (0, 15, 60), (3600, 0.1, 450), (86400, 15, 3600)]
)
def test_what_fails_slowly_or_for_long_rests_longer(failing, took, seconds):
    assert rest(timedelta(seconds=failing), timedelta(seconds=took)) == timedelta(seconds=seconds)


def test_gone_switches_off_at_once(listening, paid, hook, tollgate):
    view, _ = listening("order.paid")
    hook.status = 410
    paid()
    assert endpoints.get(tollgate, view.id).disabled_reason == "it answered 410 Gone"


def fail_until(tollgate, hook, clock, work, view, **later):
    hook.status = 500
    history.test(tollgate, view.id, actor="test")
    work()
    clock.forward(**later)
    history.test(tollgate, view.id, actor="test")
    work()


def test_five_days_of_failures_switch_off(listening, hook, tollgate, clock, work):
    view, _ = listening()
    fail_until(tollgate, hook, clock, work, view, days=5, seconds=1)
    assert endpoints.get(tollgate, view.id).status == "disabled"


def test_less_than_five_days_do_not(listening, hook, tollgate, clock, work):
    view, _ = listening()
    fail_until(tollgate, hook, clock, work, view, days=4, hours=23)
    assert endpoints.get(tollgate, view.id).status == "enabled"


def test_one_success_forgets_the_failures(listening, hook, tollgate, clock, work):
    view, _ = listening()
    fail_until(tollgate, hook, clock, work, view, days=4)
    hook.status = 200
    history.test(tollgate, view.id, actor="test")
    work()
    assert endpoints.get(tollgate, view.id).failing_since is None


def test_the_operator_hears_by_mail_what_was_switched_off(listening, paid, hook, tollgate, work):
    with post_office() as (office, port):
        fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
        fields |= {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "shop@example.com"}
        mailing = replace(
            tollgate, settings=type(tollgate.settings)(_env_file=None, **fields, operator_email="op@example.com")
        )
        view, _ = listening()
        hook.status = 410
        history.test(tollgate, view.id, actor="test")
        outbox.run_due(mailing, CARRIERS)
        outbox.run_due(mailing, CARRIERS)
    assert [letter["Subject"] for letter in office.letters] == ["A webhook endpoint was switched off"]


def test_while_a_secret_is_rotated_both_verify(listening, hook, tollgate, work):
    view, old = listening()
    _, new = endpoints.rotate(tollgate, view.id, actor="test")
    history.test(tollgate, view.id, actor="test")
    work()
    _, headers, body = hook.heard[0]
    assert [Webhook(secret.reveal()).verify(body, headers)["type"] for secret in (old, new)] == ["webhook.test"] * 2


def test_a_day_later_only_the_new_secret_signs(listening, hook, tollgate, work, clock):
    view, _ = listening()
    endpoints.rotate(tollgate, view.id, actor="test")
    clock.forward(hours=24)
    history.test(tollgate, view.id, actor="test")
    work()
    assert len(hook.heard[0][1]["webhook-signature"].split()) == 1


def test_no_secret_is_in_the_database(listening, tollgate, rows):
    _, secret = listening()
    assert secret.reveal() not in str([vars(row) for model in (WebhookEndpoint, AuditEntry) for row in rows(model)])


def test_another_secret_key_opens_nothing():
    sealed = vault.seal(b"one secret key of some length", vault.new_secret())
    with pytest.raises(vault.Unreadable):
        vault.unseal(b"another secret key of some length", sealed)


def test_a_message_can_be_sent_again_under_its_id(listening, paid, hook, tollgate, work):
    view, _ = listening("order.paid")
    paid()
    message = hook.heard[0][1]["webhook-id"]
    history.resend(tollgate, view.id, message, actor="test")
    work()
    assert [headers["webhook-id"] for _, headers, _ in hook.heard] == [message] * 2


def test_the_log_shows_every_attempt_newest_first(listening, hook, tollgate, clock, work):
    view, _ = listening()
    fail_until(tollgate, hook, clock, work, view, hours=1)
    page = history.deliveries(tollgate, view.id, limit=1)
    rest = history.deliveries(tollgate, view.id, limit=1, after=page.data[-1].id)
    assert [len(page.data), page.has_more, page.data[0].state, len(rest.data)] == [1, True, "due", 1]


def test_deleting_an_endpoint_leaves_nothing_due(listening, tollgate, hook, work, rows):
    view, _ = listening()
    history.test(tollgate, view.id, actor="test")
    endpoints.delete(tollgate, view.id, actor="test")
    work()
    assert (hook.heard, [row.state for row in rows(Parcel)], rows(WebhookEndpoint)) == ([], ["parked"], [])


def test_a_disabled_endpoint_is_told_nothing(listening, paid, hook, tollgate):
    view, _ = listening()
    endpoints.change(tollgate, view.id, EndpointChanges(status="disabled"), actor="test")
    paid()
    assert hook.heard == []


def test_a_disabled_endpoint_is_not_tested(listening, tollgate):
    view, _ = listening()
    endpoints.change(tollgate, view.id, EndpointChanges(status="disabled"), actor="test")
    with pytest.raises(EndpointDisabled):
        history.test(tollgate, view.id, actor="test")


@pytest.mark.parametrize("act", [endpoints.get, lambda tollgate, name: endpoints.rotate(tollgate, name, actor="test")])
def test_an_unknown_endpoint_is_not_found(tollgate, act):
    with pytest.raises(EndpointNotFound):
        act(tollgate, "whe_none")


def test_what_operators_do_is_audited(listening, tollgate, rows):
    view, _ = listening()
    endpoints.change(tollgate, view.id, EndpointChanges(events=("order.paid",)), actor="test")
    endpoints.rotate(tollgate, view.id, actor="test")
    endpoints.delete(tollgate, view.id, actor="test")
    actions = ["endpoint.created", "endpoint.changed", "endpoint.secret_rotated", "endpoint.deleted"]
    assert sorted(row.action for row in rows(AuditEntry)) == sorted(actions)


@pytest.mark.parametrize("settings_changes", [{}])
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://127.0.0.1/hook",
        "https://10.0.0.8/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://localhost/hook",
        "https://intranet/hook",
        "https://2130706433/",
        "ftp://example.com/hook",
        "https://user:password@example.com/hook",
        "https://example.com/#here",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "example.com/hook",
        "",
    ],
)
def test_an_address_that_nothing_may_be_sent_to_is_refused(tollgate, rows, url):
    with pytest.raises(InvalidInput):
        endpoints.create(tollgate, url, actor="test")
    assert rows(WebhookEndpoint) == []


def test_an_unknown_event_is_refused(tollgate, hook):
    with pytest.raises(InvalidInput):
        endpoints.create(tollgate, hook.url, listens_to=("order.lost",), actor="test")


def test_no_transaction_is_open_while_a_message_is_sent(listening, tollgate, hook, work):
    """Somebody else writes while the receiver keeps us waiting."""
    view, _ = listening()
    history.test(tollgate, view.id, actor="test")
    hook.hold.clear()
    sending = threading.Thread(target=work)
    sending.start()
    hook.reached.wait(5)
    with tollgate.db.write() as session:
        session.execute(select(WebhookEndpoint).with_for_update()).all()
    hook.hold.set()
    sending.join()
    assert len(hook.heard) == 1
