import pytest
import requests
from standin import fixture, page

from providers.base import FindsCheckout, Unavailable
from providers.events import Hint

OURS = {"tollgate_order": "ord_1"}
CHARGE, INTENT = "GET /v1/charges/ch_1", "GET /v1/payment_intents/pi_1"
PAYMENTS, INVOICE, SUBSCRIPTION = "GET /v1/invoice_payments", "GET /v1/invoices/in_1", "GET /v1/subscriptions/sub_1"


def hint(**handles):
    return Hint("evt_1", "charge.refunded", **handles)


def test_the_card_rail_can_follow_payments(cards):
    assert isinstance(cards, FindsCheckout)


@pytest.mark.parametrize("known", [{"reference": "cs_1"}, {"order": "ord_1", "payment": "pi_1"}])
def test_a_hint_that_says_enough_is_not_followed(cards, stripe_api, known):
    assert cards.find(hint(**known)) == hint(**known)
    assert stripe_api.sent == []


def test_a_payment_intent_carries_our_order(cards, stripe_api):
    stripe_api.answers[INTENT] = {"id": "pi_1", "metadata": OURS}
    assert cards.find(hint(payment="pi_1")) == hint(payment="pi_1", order="ord_1")


def test_a_charge_leads_to_its_payment_intent(cards, stripe_api):
    stripe_api.answers |= {CHARGE: fixture("stripe/charge"), INTENT: {"id": "pi_1", "metadata": OURS}}
    assert cards.find(hint(payment="ch_1")) == hint(payment="pi_1", order="ord_1")


def test_a_renewals_payment_leads_through_its_invoice_to_the_subscription(cards, stripe_api):
    invoice = fixture("stripe/invoice", parent={"subscription_details": {"subscription": "sub_1", "metadata": {}}})
    stripe_api.answers |= {
        INTENT: {"id": "pi_1", "metadata": {}},
        PAYMENTS: page({"id": "inpay_1", "invoice": "in_1"}),
        INVOICE: invoice,
        SUBSCRIPTION: fixture("stripe/subscription"),
    }
    assert cards.find(hint(payment="pi_1")) == hint(payment="pi_1", agreement="sub_1", order="ord_1", checkout="chk_1")
    assert stripe_api.asked == [INTENT, PAYMENTS, INVOICE, SUBSCRIPTION]


def test_an_agreement_carries_our_order(cards, stripe_api):
    stripe_api.answers[SUBSCRIPTION] = fixture("stripe/subscription")
    assert cards.find(hint(agreement="sub_1")) == hint(agreement="sub_1", order="ord_1", checkout="chk_1")


@pytest.mark.parametrize("handles", [{"payment": "ch_1"}, {"payment": "pi_1"}, {"agreement": "sub_1"}])
def test_a_trail_that_ends_leaves_the_hint_as_it_was(cards, stripe_api, handles):
    assert cards.find(hint(**handles)) == hint(**handles)
    assert stripe_api.sent


def test_a_trail_is_not_followed_while_stripe_is_away(cards, stripe_api):
    stripe_api.answers[INTENT] = requests.ConnectionError("cut")
    with pytest.raises(Unavailable):
        cards.find(hint(payment="pi_1"))
