from datetime import UTC, datetime

import pytest
from standin import fixture, page

from providers.base import OpensPortal, RemembersEvents, Unavailable

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS, PORTAL = "GET /v1/events", "POST /v1/billing_portal/sessions"


def test_the_card_rail_remembers_and_has_a_portal(cards):
    assert (isinstance(cards, RemembersEvents), isinstance(cards, OpensPortal)) == (True, True)


def test_undelivered_events_come_as_hints_oldest_first(cards, stripe_api):
    newer, older = fixture("stripe/events/charge_refunded"), fixture("stripe/events/session_completed")
    stripe_api.answers[EVENTS] = page(newer, older)
    assert [hint.kind for hint in cards.missed(SINCE)] == [older["type"], newer["type"]]


def test_events_we_have_no_use_for_are_left_out(cards, stripe_api):
    stripe_api.answers[EVENTS] = page({"id": "evt_9", "type": "payout.paid", "data": {"object": {"id": "po_1"}}})
    assert cards.missed(SINCE) == []


def test_the_portal_is_asked_for_each_time(cards, stripe_api):
    stripe_api.answers[PORTAL] = {"id": "bps_1", "url": "https://billing.stripe.com/p/session/1"}
    assert cards.portal("cus_1", "https://shop.example/orders/ord_1") == "https://billing.stripe.com/p/session/1"


def test_a_portal_without_url_is_no_answer(cards, stripe_api):
    stripe_api.answers[PORTAL] = {"id": "bps_1"}
    with pytest.raises(Unavailable):
        cards.portal("cus_1", "https://shop.example/orders/ord_1")
