"""Stripe's events as they really come: in copies, too early, out of shape, about others."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import stripe
from journey_shop import Bought, event_of, signed
from journey_values import SECRETS

BASE = {"mode": "payment", "success_url": "http://other.test/", "line_items": [{"price": "price_once", "quantity": 1}]}


def named(letters, event):
    """The letter of that event."""
    return next(letter for letter in letters if letter.event == event)


@pytest.fixture
def dashboard(shop):
    """The real SDK, in the hands of somebody else with access to the account."""
    client = stripe.StripeClient(SECRETS["stripe_secret_key"], base_addresses={"api": shop.sandbox.stripe_base})
    return client.v1


@pytest.mark.parametrize("plan", ["once", "pro"])
def test_ten_parallel_copies_are_all_answered_and_count_once(shop, plan):
    bought = shop.buy(plan)
    completed = named(shop.hold(bought, "pay"), "checkout.session.completed")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: shop.send(completed), range(10)))
    shop.work()
    assert {answer.status_code for answer in answers} == {200}
    assert (shop.gate(bought), shop.send(completed).json()["state"]) == ("allowed", "duplicate")


def test_two_event_objects_for_one_occurrence_pay_one_term(shop):
    bought = shop.buy("once")
    completed = named(shop.hold(bought, "pay"), "checkout.session.completed")
    shop.send(completed)
    until = shop.whoami(bought).json()["ends_at"]
    twin = shop.post("stripe", *signed("stripe", event_of(completed, id="evt_twin_of_the_first")))
    assert (twin.json()["state"], shop.whoami(bought).json()["ends_at"]) == ("applied", until)


@pytest.mark.parametrize(
    "event", ["checkout.session.completed", "customer.subscription.created", "invoice.paid", "invoice_payment.paid"]
)
def test_whichever_event_comes_first_the_truth_is_asked_for(shop, event):
    bought = shop.buy("pro")
    letters = shop.hold(bought, "pay")
    shop.send(named(letters, event))
    expected = {"invoice_payment.paid": "payment_required"}.get(event, "allowed")
    assert shop.gate(bought) == expected


def test_every_order_of_arrival_ends_the_same(shop):
    bought = shop.buy("pro")
    shop.states(shop.hold(bought, "pay")[::-1])
    assert shop.gate(bought) == "allowed"


@pytest.mark.parametrize("fault", ["twice", "out_of_order"])
def test_a_bad_postman_changes_nothing(shop, fault):
    bought = shop.buy("pro")
    with shop.weather(fault=fault):
        shop.act(bought, "pay")
    assert (shop.gate(bought), shop.standing(bought)) == ("allowed", ("paid", None))


def test_a_webhook_may_come_before_the_create_call_has_answered(shop):
    key = str(uuid4())
    with shop.weather(rail="stripe", api="lost_answer"):
        failed = shop.ask("once", key=key)
    session = shop.made_for(failed.json()["order_id"])[0]
    before = len(shop.sandbox.world.postman.deliveries)
    with shop.weather(fault="lost"):
        shop.control(f"/stripe/sessions/{session}/pay")
    completed = [delivery.letter for delivery in shop.sandbox.world.postman.deliveries[before:]][-1]
    early = shop.send(completed).json()["state"]
    shop.ask("once", key=key)
    shop.work()
    assert (early, shop.gate(shop.bought[-1])) == ("parked", "allowed")


def test_an_event_of_another_account_is_ignored(shop):
    bought = shop.buy()
    letters = shop.hold(bought, "pay")
    told = [
        shop.post("stripe", *signed("stripe", event_of(letter, id=f"evt_x{n}_{bought.id}", account="acct_else")))
        for n, letter in enumerate(letters)
    ]
    assert ({answer.json()["state"] for answer in told}, shop.gate(bought)) == ({"ignored"}, "payment_required")


def test_an_event_of_live_mode_is_ignored_in_a_test_shop(shop):
    bought = shop.buy()
    letters = shop.hold(bought, "pay")
    told = [
        shop.post("stripe", *signed("stripe", event_of(letter, id=f"evt_l{n}_{bought.id}", livemode=True)))
        for n, letter in enumerate(letters)
    ]
    assert ({answer.json()["state"] for answer in told}, shop.gate(bought)) == ({"ignored"}, "payment_required")


def test_a_session_of_another_program_is_parked_and_answered_200(shop, dashboard):
    session = dashboard.checkout.sessions.create(BASE)
    other = Bought("", "", "", "stripe", session.id)
    completed = named(shop.hold(other, "pay"), "checkout.session.completed")
    answer = shop.send(completed)
    assert (answer.status_code, answer.json()["state"]) == (200, "parked")


def test_another_programs_subscription_is_parked_while_a_checkout_of_ours_never_opened(shop, dashboard):
    lines = [{"price": "price_pro", "quantity": 1}]
    session = dashboard.checkout.sessions.create(BASE | {"mode": "subscription", "line_items": lines})
    paid = named(shop.hold(Bought("", "", "", "stripe", session.id), "pay"), "invoice.paid")
    shop.buy()
    with shop.weather(rail="stripe", api="down"):
        shop.ask()
    assert shop.send(paid).json()["state"] == "parked"


def test_a_strangers_session_that_names_our_order_grants_nothing(shop, dashboard):
    bought = shop.buy("enterprise")
    claims = {"tollgate_order": bought.id}
    session = dashboard.checkout.sessions.create(
        BASE
        | {"client_reference_id": bought.id, "metadata": claims, "payment_intent_data": {"metadata": claims}}
        | {"line_items": [{"price": "price_promo_once", "quantity": 1}]}
    )
    other = Bought("", "", "", "stripe", session.id)
    shop.act(other, "pay")
    shop.sweep()
    assert (shop.gate(bought), shop.standing(bought)) == ("payment_required", ("open", None))


def test_a_strangers_subscription_that_names_our_order_grants_nothing(shop, dashboard):
    bought = shop.buy("enterprise")
    claims = {"tollgate_order": bought.id}
    lines = [{"price": "price_pro", "quantity": 1}]
    session = dashboard.checkout.sessions.create(
        BASE | {"mode": "subscription", "line_items": lines, "subscription_data": {"metadata": claims}}
    )
    shop.act(Bought("", "", "", "stripe", session.id), "pay", "refund")
    shop.sweep()
    assert (shop.gate(bought), shop.standing(bought)) == ("payment_required", ("open", None))


def acacia(event):
    """The shape of API 2024-12-18: an invoice names its subscription itself, a subscription its period, a line its price."""
    thing = event["data"]["object"]
    parent = (thing.pop("parent", None) or {}).get("subscription_details", {})
    moved = {"subscription": parent.get("subscription"), "subscription_details": {"metadata": parent.get("metadata")}}
    thing |= moved | {"paid": True, "charge": "ch_old"} if thing["object"] == "invoice" else {}
    return event | {"api_version": "2024-12-18.acacia"}


@pytest.mark.parametrize("kind", ["checkout.session.completed", "customer.subscription.created", "invoice.paid"])
def test_events_in_the_shape_of_an_older_api_version_do(shop, kind):
    bought = shop.buy("pro")
    event = acacia(event_of(named(shop.hold(bought, "pay"), kind)))
    answer = shop.post("stripe", *signed("stripe", event))
    assert (answer.json()["state"], shop.gate(bought)) == ("applied", "allowed")


def test_an_old_invoice_that_names_only_its_subscription_finds_its_order(shop):
    bought = shop.buy("pro")
    event = acacia(event_of(named(shop.hold(bought, "pay"), "invoice.paid")))
    del event["data"]["object"]["subscription_details"]
    answer = shop.post("stripe", *signed("stripe", event))
    assert (answer.json()["state"], shop.gate(bought)) == ("applied", "allowed")


TAMPERED = {
    "currency": lambda session, lines: session.update(currency="eur"),
    "amount": lambda session, lines: session.update(amount_subtotal=100),
    "price": lambda session, lines: lines[0].update(price=lines[0]["price"] | {"id": "price_pro"}),
    "quantity": lambda session, lines: lines[0].update(quantity=2),
    "order": lambda session, lines: session.update(client_reference_id="ord_of_another"),
    "mode": lambda session, lines: session.update(livemode=True),
    "lines": lambda session, lines: lines.append(lines[0] | {"id": "li_extra"}),
    "kind": lambda session, lines: session.update(mode="setup"),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_a_session_that_is_not_what_we_sold_grants_nothing_and_is_flagged(shop, tamper):
    bought = shop.buy("once")
    letters = shop.hold(bought, "pay")
    tamper(shop.sandbox.world.objects[bought.reference], shop.sandbox.world.lines[bought.reference])
    shop.states(letters)
    assert (shop.gate(bought), shop.standing(bought)[1]) == ("payment_required", "mismatch")
