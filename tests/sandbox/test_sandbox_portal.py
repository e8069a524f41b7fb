"""The payer's own page: what it is asked for, and what its buttons cause."""

import json

import pytest
import requests
import stripe
from sandbox_samples import order

BACK = "http://shop.test/orders/ord_1"


@pytest.fixture
def subscribed(client, control):
    """A paid subscription's session."""
    session = client.v1.checkout.sessions.create(order())
    return control.session(session.id, "pay")["session"]


@pytest.fixture
def portal(client, subscribed):
    return client.v1.billing_portal.sessions.create({"customer": subscribed["customer"], "return_url": BACK})


@pytest.fixture
def press(portal, subscribed, control):
    def _press(button, session=None):
        answer = requests.post(portal.url, data={"do": button, "session": session or subscribed["id"]}, timeout=10)
        control.post("/drain")
        return answer

    return _press


def test_the_link_leads_to_a_page_with_a_way_back(portal):
    page = requests.get(portal.url, timeout=10)
    assert (page.status_code, f'href="{BACK}"' in page.text) == (200, True)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"customer": "cus_nobody"},
        {"customer": "cus_nobody", "return_url": "shop"},
        {"customer": "cus_nobody", "mode": "payment"},
    ],
)
def test_what_stripe_would_refuse_is_refused(client, params):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.billing_portal.sessions.create(params)


def test_a_cancellation_is_told_and_can_be_taken_back(press, client, mailbox):
    press("cancel_at_period_end")
    cancelled = client.v1.subscriptions.list().data[0].cancel_at_period_end
    press("keep")
    assert (cancelled, client.v1.subscriptions.list().data[0].cancel_at) == (True, None)
    assert json.loads(mailbox.bodies("stripe")[-1])["type"] == "customer.subscription.updated"


def test_an_open_invoice_can_be_paid(press, client):
    press("renewal_fails")
    before = client.v1.subscriptions.list().data[0].status
    press("renewal_recovers")
    assert (before, client.v1.subscriptions.list().data[0].status) == ("past_due", "active")


def test_a_button_at_the_wrong_time_is_a_conflict(press):
    assert press("keep").status_code == 409


def test_a_payer_has_no_other_buttons_and_no_other_sessions(press, client):
    other = client.v1.checkout.sessions.create(order()).id
    assert (press("refund").status_code, press("cancel_at_period_end", other).status_code) == (404, 404)
