import json
from dataclasses import replace
from datetime import timedelta

import pytest
import stripe
from standin import NOW, WHSEC, fixture, from_stripe

from providers.base import NotAuthentic, Unreadable
from providers.events import Hint
from providers.stripe.webhooks import EVENTS

HINTS = {
    "session_completed": {"reference": "cs_test_1", "order": "ord_1", "checkout": "chk_1"},
    "session_completed_acacia": {"reference": "cs_test_1", "agreement": "sub_1", "order": "ord_1"},
    "invoice_paid": {"agreement": "sub_1", "order": "ord_1", "checkout": "chk_1"},
    "invoice_paid_acacia": {"agreement": "sub_1", "order": "ord_1", "checkout": "chk_1"},
    "subscription_deleted": {"agreement": "sub_1", "order": "ord_1", "checkout": "chk_1"},
    "charge_refunded": {"payment": "pi_1", "order": "ord_1", "checkout": "chk_1"},
    "charge_refunded_acacia": {"payment": "ch_1"},
    "refund_created": {"payment": "pi_1"},
    "dispute_created": {"payment": "pi_1", "account": "acct_connected"},
}


@pytest.mark.parametrize("name", HINTS)
def test_an_event_of_any_version_says_which_purchase_to_look_at(cards, name):
    event = fixture(f"stripe/events/{name}")
    assert cards.read(from_stripe(event)) == [Hint(event["id"], event["type"], livemode=False, **HINTS[name])]


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_event_in_the_table_gives_one_hint(cards, kind):
    assert len(cards.read(from_stripe(fixture("stripe/events/session_completed", type=kind)))) == 1


@pytest.mark.parametrize("thing", [None, [], "cs_test_1", 3])
def test_an_event_about_nothing_gives_no_hint(cards, thing):
    assert cards.read(from_stripe(fixture("stripe/events/session_completed", data={"object": thing}))) == []


def test_a_thin_event_gives_no_hint(cards):
    thin = {
        "id": "evt_thin",
        "object": "v2.core.event",
        "type": "v1.billing.meter.error_report_triggered",
        "related_object": {},
    }
    assert cards.read(from_stripe(thin)) == []


def test_an_expanded_subscription_in_an_event_is_read_by_its_id(cards):
    event = fixture("stripe/events/invoice_paid_acacia")
    event["data"]["object"]["subscription"] = {"id": "sub_9", "object": "subscription"}
    [hint] = cards.read(from_stripe(event))
    assert hint.agreement == "sub_9"


@pytest.mark.parametrize("minutes", [-4.9, 0, 4.9])
def test_a_signature_of_about_now_is_authentic(cards, minutes):
    event = fixture("stripe/events/session_completed")
    assert cards.read(from_stripe(event, at=NOW + timedelta(minutes=minutes)))


@pytest.mark.parametrize("minutes", [-60 * 24, -5.1, 5.1, 60 * 24 * 3650])
def test_a_signature_too_old_or_from_the_future_is_not_authentic(cards, minutes):
    with pytest.raises(NotAuthentic):
        cards.read(from_stripe(fixture("stripe/events/session_completed"), at=NOW + timedelta(minutes=minutes)))


def sign(text: str, seconds: int) -> str:
    return stripe.WebhookSignature._compute_signature(f"{seconds}.{text}", WHSEC)


BODY = json.dumps(fixture("stripe/events/session_completed"))
SECONDS = int(NOW.timestamp())
GOOD = sign(BODY, SECONDS)
OLD = SECONDS - 3600


def with_header(header: str):
    return replace(from_stripe(BODY), headers={"stripe-signature": header})


@pytest.mark.parametrize(
    "header",
    [
        f"t={SECONDS},v1={'0' * 64},v1={GOOD}",
        f"t={SECONDS},v1={GOOD},v1={'0' * 64}",
        f"t={SECONDS},v1={GOOD},v0=whatever",
        f"v1={GOOD},t={SECONDS}",
    ],
)
def test_one_right_signature_among_several_is_enough(cards, header):
    assert cards.read(with_header(header))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        f"t={SECONDS}",
        f"v1={GOOD}",
        f"t=,v1={GOOD}",
        f"t=soon,v1={GOOD}",
        f"t={SECONDS},v0={GOOD}",
        f"t={SECONDS},v1=",
        f"t={SECONDS},v1={GOOD[:-1]}",
        f"t={SECONDS},v1=ü{GOOD}",
        f"t={SECONDS + 1},v1={GOOD}",
        f"t={OLD},v1={sign(BODY, OLD)}",
        f"t={OLD},v1={sign(BODY, OLD)},t={SECONDS}",
        f"t={SECONDS},v1={sign(BODY, OLD)},t={OLD}",
        f"t= {OLD},v1={sign(BODY, OLD)},t={SECONDS}",
    ],
)
def test_a_header_that_does_not_sign_this_body_now_is_not_authentic(cards, header):
    with pytest.raises(NotAuthentic):
        cards.read(with_header(header))


def test_a_body_that_is_not_utf_8_is_not_authentic_since_stripe_signs_text(cards):
    with pytest.raises(NotAuthentic):
        cards.read(replace(from_stripe(BODY), body=b'{"id": "\xff"}'))


@pytest.mark.parametrize("event", [{"type": "invoice.paid"}, {"id": "evt_1"}, {"id": 7, "type": "invoice.paid"}])
def test_an_event_without_id_or_type_is_unreadable(cards, event):
    with pytest.raises(Unreadable):
        cards.read(from_stripe(event))
