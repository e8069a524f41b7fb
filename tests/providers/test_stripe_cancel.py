"""Ending a card subscription, and what Stripe says of one that is over."""

import pytest

from providers.base import CancelsAgreement, Refused, Unavailable, Unknown

GONE = (404, {"error": {"code": "resource_missing", "message": "No such subscription: 'sub_1'"}})
REFUSED = (403, {"error": {"message": "The key does not have the permissions"}})


def test_cards_can_end_subscriptions(cards):
    assert isinstance(cards, CancelsAgreement)


def test_a_subscription_is_ended_at_once(cards, stripe_api):
    stripe_api.answers["DELETE /v1/subscriptions/sub_1"] = {"id": "sub_1", "object": "subscription"}
    cards.cancel("sub_1")
    assert stripe_api.asked == ["DELETE /v1/subscriptions/sub_1"]


@pytest.mark.parametrize("status", ["canceled", "incomplete_expired"])
@pytest.mark.parametrize("answer", [GONE, (400, {"error": {"message": "This subscription is canceled"}})])
def test_one_that_is_over_is_no_error(cards, stripe_api, answer, status):
    stripe_api.answers |= {
        "DELETE /v1/subscriptions/sub_1": answer,
        "GET /v1/subscriptions/sub_1": {"id": "sub_1", "object": "subscription", "status": status},
    }
    cards.cancel("sub_1")
    assert stripe_api.asked[-1] == "GET /v1/subscriptions/sub_1"


@pytest.mark.parametrize(
    ("answer", "error"), [(GONE, Unknown), (REFUSED, Refused), ((500, {"error": {"message": "down"}}), Unavailable)]
)
def test_one_that_was_not_ended_is_not_called_ended(cards, stripe_api, answer, error):
    stripe_api.answers |= {
        "DELETE /v1/subscriptions/sub_1": answer,
        "GET /v1/subscriptions/sub_1": GONE
        if answer is GONE
        else {"id": "sub_1", "object": "subscription", "status": "active"},
    }
    with pytest.raises(error):
        cards.cancel("sub_1")
