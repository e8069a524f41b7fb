"""Paying by card, from the order to the working key."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from journey_shop import Bought

MODES = pytest.mark.parametrize("plan", ["once", "pro"], ids=["payment", "subscription"])


def ends_in(shop, bought):
    """Time until the key's end."""
    return datetime.fromisoformat(shop.whoami(bought).json()["ends_at"]) - datetime.now(UTC)


@MODES
def test_a_key_does_not_work_before_it_is_paid(shop, plan):
    bought = shop.buy(plan)
    assert (shop.gate(bought), shop.standing(bought)) == ("payment_required", ("open", None))


@MODES
def test_a_paid_session_makes_the_key_work(shop, plan):
    bought = shop.buy(plan)
    shop.act(bought, "pay")
    assert (shop.gate(bought), shop.standing(bought)) == ("allowed", ("paid", None))


@pytest.mark.parametrize(
    ("plan", "windows"),
    [("pro", {"minute": 600}), ("team", {"burst": 50, "minute": 2400}), ("enterprise", {"minute": 10_000})],
)
def test_the_key_has_the_limits_of_its_plan(shop, plan, windows):
    bought = shop.buy(plan)
    shop.act(bought, "pay")
    assert shop.limits(bought) == windows


@pytest.mark.parametrize(("plan", "days"), [("once", (89, 90)), ("pro", (27, 32))])
def test_the_key_works_for_the_time_that_was_paid(shop, plan, days):
    bought = shop.buy(plan)
    shop.act(bought, "pay")
    assert timedelta(days=days[0]) < ends_in(shop, bought) <= timedelta(days=days[1])


@MODES
def test_a_declined_card_makes_no_key_work(shop, plan):
    bought = shop.buy(plan)
    shop.act(bought, "decline")
    assert (shop.gate(bought), shop.standing(bought)) == ("payment_required", ("open", None))


def test_a_card_declined_first_may_still_pay(shop):
    bought = shop.buy()
    shop.act(bought, "decline", "pay")
    assert (shop.gate(bought), shop.standing(bought)) == ("allowed", ("paid", None))


@pytest.mark.parametrize("plan", ["promo-once", "promo"], ids=["payment", "subscription"])
def test_a_code_for_everything_is_paid_where_the_offer_takes_codes(shop, plan):
    bought = shop.buy(plan)
    shop.act(bought, "pay_free")
    assert (shop.gate(bought), shop.standing(bought)) == ("allowed", ("paid", None))


@MODES
@pytest.mark.parametrize("discount", [100, 30])
def test_a_discount_that_the_offer_does_not_allow_grants_nothing_and_is_flagged(shop, plan, discount):
    bought = shop.buy(plan)
    shop.act(bought, "pay", discount=discount)
    assert (shop.gate(bought), shop.standing(bought)) == ("payment_required", ("canceled", "mismatch"))


def test_a_trial_opens_the_gate_until_it_ends(shop):
    bought = shop.buy()
    shop.act(bought, "pay", trial_days=14)
    assert timedelta(days=13) < ends_in(shop, bought) <= timedelta(days=14)


@MODES
def test_a_completed_session_that_is_not_paid_yet_waits(shop, plan):
    bought = shop.buy(plan)
    shop.act(bought, "pay_later")
    assert (shop.gate(bought), shop.standing(bought)) == ("payment_required", ("processing", None))


@MODES
@pytest.mark.parametrize(
    ("ending", "outcome"),
    [("later_succeeds", ("allowed", ("paid", None))), ("later_fails", ("payment_required", ("canceled", None)))],
)
def test_a_slow_payment_is_decided_later(shop, plan, ending, outcome):
    bought = shop.buy(plan)
    shop.act(bought, "pay_later", ending)
    assert (shop.gate(bought), shop.standing(bought)) == outcome


@MODES
@pytest.mark.parametrize(
    ("ending", "outcome"),
    [("later_succeeds", ("allowed", ("paid", None))), ("later_fails", ("payment_required", ("canceled", None)))],
)
def test_a_slow_payment_is_decided_the_same_when_its_events_come_backwards(shop, plan, ending, outcome):
    bought = shop.buy(plan)
    letters = shop.hold(bought, "pay_later", ending)
    shop.states(letters[::-1])
    assert (shop.gate(bought), shop.standing(bought)) == outcome


def test_a_failed_slow_payment_can_be_paid_on_a_new_session(shop):
    first = shop.buy("once")
    shop.act(first, "pay_later", "later_fails")
    second = Bought.of(shop.add_checkout(first, "stripe").json() | {"api_key": first.key})
    shop.act(second, "pay")
    assert (shop.gate(first), shop.standing(first)) == ("allowed", ("paid", None))


def test_a_subscription_whose_first_payment_failed_works_once_its_invoice_is_paid(shop):
    bought = shop.buy("pro")
    shop.act(bought, "pay_later", "later_fails", "renewal_recovers")
    assert (shop.gate(bought), shop.standing(bought)) == ("allowed", ("paid", None))


@MODES
def test_an_expired_session_closes_the_order(shop, plan):
    bought = shop.buy(plan)
    shop.act(bought, "expire")
    assert (shop.gate(bought), shop.standing(bought)) == ("payment_required", ("expired", None))


@MODES
def test_the_landing_page_makes_the_key_work_while_webhooks_are_lost(shop, plan):
    bought = shop.buy(plan)
    shop.hold(bought, "pay")
    page = requests.get(f"{shop.url}/orders/{bought.id}", timeout=10)
    assert (page.status_code, bought.key in page.text, shop.gate(bought)) == (404, False, "allowed")


@MODES
def test_the_sweep_finds_a_payment_whose_webhooks_were_all_lost(shop, plan):
    bought = shop.buy(plan)
    shop.hold(bought, "pay")
    shop.sweep()
    assert shop.gate(bought) == "allowed"
