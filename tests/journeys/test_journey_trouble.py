"""Providers that are down, slow, mad or forgetful: bounded waits, clean answers, and never two checkouts for one order."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from journey_shop import Bought

from sandbox.config import VIEW

RAILS = pytest.mark.parametrize("rail", ["stripe", "btcpay"])
FAULTS = pytest.mark.parametrize("fault", ["down", "garbage", "lost_answer"])
PAYING = {"stripe": ("pay",), "btcpay": ("pay", "confirm")}
TELLING = {"stripe": "checkout.session.completed", "btcpay": "InvoiceSettled"}
PROBLEM = (503, "application/problem+json", "provider_unavailable")


def problem(answer):
    """What a program reads of a refusal."""
    return answer.status_code, answer.headers["Content-Type"], answer.json()["code"]


@pytest.fixture
def warm(shop):
    """The shop, with Stripe's prices known."""
    shop.http.get(f"{shop.url}/v1/plans", timeout=10)
    return shop


@RAILS
@FAULTS
def test_a_provider_in_trouble_is_a_clean_503_at_checkout(warm, rail, fault):
    with warm.weather(rail=rail, api=fault):
        answer = warm.ask(provider=rail)
    assert (problem(answer), answer.headers["Retry-After"]) == (PROBLEM, "10")


@RAILS
@FAULTS
def test_the_same_order_goes_on_when_it_is_asked_for_again(warm, rail, fault):
    key = str(uuid4())
    with warm.weather(rail=rail, api=fault):
        failed = warm.ask(provider=rail, key=key)
    again = warm.ask(provider=rail, key=key)
    warm.act(warm.bought[-1], *PAYING[rail])
    assert (again.status_code, again.json()["id"]) == (201, failed.json()["order_id"])
    assert (len(warm.made_for(again.json()["id"])), warm.gate(warm.bought[-1])) == (1, "allowed")


@RAILS
def test_a_provider_that_stays_down_for_a_while_still_makes_one_checkout(warm, rail):
    key = str(uuid4())
    with warm.weather(rail=rail, api="down"):
        failed = [warm.ask(provider=rail, key=key).status_code for _ in range(3)]
    again = warm.ask(provider=rail, key=key)
    assert (failed, again.status_code, len(warm.made_for(again.json()["id"]))) == ([503] * 3, 201, 1)


def test_a_price_that_was_never_seen_cannot_be_sold_while_stripe_is_down(fresh_shop):
    key = str(uuid4())
    with fresh_shop.weather(rail="stripe", api="down"):
        answer = fresh_shop.ask(key=key)
    assert (problem(answer), fresh_shop.ask(key=key).status_code) == (PROBLEM, 201)


def test_a_price_that_stripe_does_not_know_is_a_502(shop):
    assert problem(shop.ask("ghost"))[::2] == (502, "provider_unavailable")


def test_a_price_that_stripe_will_not_sell_any_more_is_a_502_and_the_order_waits(warm):
    key, price = str(uuid4()), warm.sandbox.world.objects["price_pro"]
    price["active"] = False
    refused = warm.ask(key=key)
    price["active"] = True
    again = warm.ask(key=key)
    assert (problem(refused)[::2], again.json()["id"]) == ((502, "provider_unavailable"), refused.json()["order_id"])


def test_a_bitcoin_key_without_the_right_to_create_is_a_502_and_the_order_waits(shop):
    key, config = str(uuid4()), shop.sandbox.world.config
    shop.sandbox.world.config = replace(config, btcpay_permissions=(VIEW,))
    refused = shop.ask(provider="btcpay", key=key)
    shop.sandbox.world.config = config
    again = shop.ask(provider="btcpay", key=key)
    assert (problem(refused)[::2], again.json()["id"]) == ((502, "provider_unavailable"), refused.json()["order_id"])


@RAILS
def test_eight_copies_of_one_request_make_one_order_and_one_checkout(warm, rail):
    key = str(uuid4())
    with warm.weather(rail=rail, api="slow", delay=0.2), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: warm.ask(provider=rail, key=key), range(8)))
    last = warm.ask(provider=rail, key=key).json()
    orders = {answer.json()["id"] for answer in answers if answer.status_code == 201} | {last["id"]}
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert (orders, len(warm.made_for(last["id"]))) == ({last["id"]}, 1)


def test_a_stranger_cannot_slip_an_invoice_into_an_order_whose_answer_was_lost(shop):
    key = str(uuid4())
    with shop.weather(rail="btcpay", api="lost_answer"):
        order = shop.ask(provider="btcpay", key=key).json()["order_id"]
    shop.stranger(amount="12.00", currency="USD", metadata={"orderId": order, "tollgateNonce": "0" * 32})
    ours = shop.made_for(order)[0]
    shop.ask(provider="btcpay", key=key)
    assert shop.bought[-1].reference == ours


@RAILS
def test_the_other_rail_may_fail_once_and_then_makes_one_checkout(shop, rail):
    bought = shop.buy(provider="btcpay" if rail == "stripe" else "stripe")
    with shop.weather(rail=rail, api="lost_answer"):
        failed = shop.add_checkout(bought, rail)
    added = shop.add_checkout(bought, rail)
    assert (problem(failed), added.status_code, len(shop.made_for(bought.id))) == (PROBLEM, 201, 2)


@RAILS
def test_paying_on_one_rail_closes_the_other(shop, rail):
    card = shop.buy(provider="stripe")
    coin = Bought.of(shop.add_checkout(card, "btcpay").json() | {"api_key": card.key})
    paid, other = (card, coin) if rail == "stripe" else (coin, card)
    shop.act(paid, *PAYING[paid.provider])
    shop.work()
    states = {item["provider"]: item["state"] for item in shop.order(card)["checkouts"]}
    assert (states[rail], states[other.provider] in ("expired", "failed")) == ("paid", True)


def test_an_order_paid_on_both_rails_has_one_key_and_is_flagged(shop):
    card = shop.buy(provider="stripe")
    coin = Bought.of(shop.add_checkout(card, "btcpay").json() | {"api_key": card.key})
    shop.act(coin, "pay", "confirm")
    until = shop.whoami(card).json()["ends_at"]
    shop.act(card, "pay")
    assert (shop.standing(card), shop.whoami(card).json()["ends_at"]) == (("paid", "paid_twice"), until)


@RAILS
@pytest.mark.parametrize("fault", ["down", "garbage"])
def test_a_webhook_while_the_provider_is_down_is_due_and_the_worker_heals_it(shop, rail, fault):
    bought = shop.buy(provider=rail)
    letters = {letter.event: letter for letter in shop.hold(bought, *PAYING[rail])}
    with shop.weather(rail=rail, api=fault):
        answer = shop.send(letters[TELLING[rail]])
    before = shop.gate(bought)
    shop.work()
    assert (answer.json()["state"], before, shop.gate(bought)) == ("due", "payment_required", "allowed")


def timed(call):
    """The answer, and how many seconds it took."""
    start = time.monotonic()
    return call(), time.monotonic() - start


def test_a_hanging_provider_is_given_up_within_ten_seconds(fresh_shop):
    keys = {"stripe": str(uuid4()), "btcpay": str(uuid4())}
    fresh_shop.control("/faults", rail="stripe", api="slow", delay=6)  # price and session are asked for: 6 s and 6 s
    with fresh_shop.weather(rail="btcpay", api="slow", delay=12), ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(timed, lambda rail=rail: fresh_shop.ask(provider=rail, key=keys[rail])) for rail in keys]
        (card, card_took), (coin, coin_took) = [work.result() for work in asked]
    again = [fresh_shop.ask(provider=rail, key=key) for rail, key in keys.items()]
    assert (problem(card), problem(coin), max(card_took, coin_took) < 10) == (PROBLEM, PROBLEM, True)
    assert [answer.json()["id"] for answer in again] == [card.json()["order_id"], coin.json()["order_id"]]


def test_a_webhook_is_answered_in_time_while_its_provider_is_slow(fresh_shop):
    bought = fresh_shop.buy("once")
    completed = fresh_shop.hold(bought, "pay")[-1]
    with fresh_shop.weather(rail="stripe", api="slow", delay=4.5):
        answer, took = timed(lambda: fresh_shop.send(completed))
    fresh_shop.settle_down()
    assert (answer.json()["state"], took < 4.4, fresh_shop.gate(bought)) == ("due", True, "allowed")
