"""Journeys through real gunicorn processes: the shipped configuration, kill -9 at the worst moments, two gateways on one database."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest
import requests
from journey_processes import ROOT, count_rows, serve, wait_until
from journey_shop import Bought
from journey_values import SANDBOX

from sandbox import Running

KEYS = {rail: str(uuid4()) for rail in ("stripe", "btcpay")}
PAYING = {"stripe": ("pay",), "btcpay": ("pay", "confirm")}
ORDERS = 50
TELLING = (
    "checkout.session.completed",
    "customer.subscription.created",
    "invoice.paid",
    "InvoiceProcessing",
    "InvoiceSettled",
)


@pytest.fixture
def sandbox():
    """A sandbox of its own, so that everything in it can be counted."""
    with Running(SANDBOX) as running:
        yield running


def ask_in_vain(shop, rail):
    """An order whose answer never comes."""
    with suppress(requests.ConnectionError):
        shop.ask(provider=rail, key=KEYS[rail])


def test_the_shipped_configuration_sells_keys_on_both_rails(sandbox, database_url, tmp_path):
    shipped = {"CATALOG": str(ROOT / "catalog.toml"), "PRICE_ID_PRO": "price_pro", "RATE_LIMIT_PRO": "3"}
    with serve(sandbox, database_url, folder=tmp_path, WORKER="embedded", **shipped) as gateway:
        shop = gateway.shop
        card, coin = shop.buy(provider="stripe"), shop.buy(provider="btcpay")
        before = shop.gate(card), shop.gate(coin)
        shop.act(card, "pay")
        shop.hold(coin, "pay", "confirm")  # no webhook comes: the embedded worker's sweep finds it
        wait_until(lambda: shop.gate(coin) != "payment_required", seconds=10)
        said = [shop.gate(card) for _ in range(4)]
    assert before == ("payment_required", "payment_required")
    assert said == ["allowed", "allowed", "allowed", "rate_limited"]


def test_a_gateway_killed_between_create_and_commit_leaves_one_order_with_one_checkout(sandbox, database_url, tmp_path):
    opening = "SELECT 1 FROM checkouts WHERE opening_until IS NOT NULL AND reference IS NULL"
    world = sandbox.world
    with serve(sandbox, database_url, folder=tmp_path) as gateway, ThreadPoolExecutor(2) as pool:
        shop = gateway.shop
        shop.http.get(f"{shop.url}/v1/plans", timeout=10)
        with shop.weather(api="slow", delay=1):
            asked = [pool.submit(ask_in_vain, shop, rail) for rail in KEYS]
            wait_until(lambda: count_rows(database_url, opening) == len(KEYS), seconds=10)
            time.sleep(0.2)  # now both create calls are on their way
            gateway.kill()
        [work.result() for work in asked]
        wait_until(lambda: len(world.of("checkout.session")) == len(world.invoices) == 1, seconds=5)
    orders = [
        world.of("checkout.session")[0]["client_reference_id"],
        *(i.metadata["orderId"] for i in world.invoices.values()),
    ]
    with serve(sandbox, database_url, folder=tmp_path, app="journey_later:app") as gateway:
        shop = gateway.shop
        again = [shop.ask(provider=rail, key=key).json()["id"] for rail, key in KEYS.items()]
        [shop.act(bought, *PAYING[bought.provider]) for bought in shop.bought]
        gates = [shop.gate(bought) for bought in shop.bought]
        laws = shop.broken_laws()
    assert (again, len(world.of("checkout.session")), len(world.invoices)) == (orders, 1, 1)
    assert (gates, laws) == (["allowed", "allowed"], [])


def test_a_gateway_killed_after_it_took_a_webhook_loses_nothing(sandbox, database_url, tmp_path):
    leased = "SELECT 1 FROM receipts WHERE state = 'due' AND lease IS NOT NULL"
    with serve(sandbox, database_url, folder=tmp_path) as gateway, ThreadPoolExecutor(1) as pool:
        bought = gateway.shop.buy("once")
        letter = gateway.shop.hold(bought, "pay")[-1]
        with gateway.shop.weather(api="slow", delay=1):
            told = pool.submit(gateway.shop.send, letter)
            wait_until(lambda: count_rows(database_url, leased) == 1, seconds=10)
            gateway.kill()
        lost = told.exception()
    with serve(
        sandbox, database_url, folder=tmp_path, app="journey_later:app", WORKER="embedded", SWEEP_SECONDS="3600"
    ) as later:
        wait_until(lambda: later.shop.gate(bought) == "allowed", seconds=10)
        later.shop.bought.append(bought)
        laws = later.shop.broken_laws()
    assert (type(lost), laws) == (requests.ConnectionError, [])


@pytest.fixture
def pair(sandbox, postgresql_url, tmp_path):
    """Two gateways on one PostgreSQL. Their workers take what a busy machine had no time for within a request."""
    more = {"folder": tmp_path, "WORKER": "embedded", "SWEEP_SECONDS": "3600"}
    with serve(sandbox, postgresql_url, **more) as one, serve(sandbox, postgresql_url, **more) as two:
        yield one.shop, two.shop


def test_two_gateways_that_get_every_webhook_at_once_make_one_key_for_each_order(pair, postgresql_url):
    one, two = pair
    with ThreadPoolExecutor(16) as pool:
        opened = list(pool.map(lambda rail: one.ask(provider=rail).status_code, ["stripe", "btcpay"] * (ORDERS // 2)))
        letters = [letter for order in one.bought for letter in one.hold(order, *PAYING[order.provider])]
        posts = [(shop, letter) for letter in letters if letter.event in TELLING for shop in pair]
        answers = list(pool.map(lambda post: post[0].send(post[1]).status_code, posts))
    wait_until(lambda: not count_rows(postgresql_url, "SELECT 1 FROM receipts WHERE state = 'due'"), seconds=30)
    gates = [shop.gate(order) for shop in pair for order in one.bought]
    assert (set(opened), set(answers), set(gates)) == ({201}, {200}, {"allowed"})
    assert two.working_keys() == dict.fromkeys([order.id for order in one.bought], 1)


@pytest.mark.parametrize("rail", ["stripe", "btcpay"])
def test_two_gateways_asked_for_the_same_order_at_once_open_one_checkout(pair, sandbox, rail):
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(shop.ask, provider=rail, key=KEYS[rail]) for shop in pair * 4]
        statuses = {work.result().status_code for work in asked}
    orders = {shop.ask(provider=rail, key=KEYS[rail]).json()["id"] for shop in pair}
    assert (statuses <= {201, 409}, len(orders), len(pair[0].made_for(orders.pop()))) == (True, 1, 1)


def test_both_gateways_hearing_of_a_different_payment_of_one_order_make_one_key(pair, postgresql_url):
    one, two = pair
    card = one.buy()
    coin = Bought.of(one.add_checkout(card, "btcpay").json() | {"api_key": card.key})
    letters = {one: one.hold(card, "pay"), two: two.hold(coin, "pay", "confirm")}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda shop: shop.states(letters[shop]), pair))
    wait_until(lambda: not count_rows(postgresql_url, "SELECT 1 FROM receipts WHERE state = 'due'"), seconds=10)
    assert (one.standing(card), two.working_keys()) == (("paid", "paid_twice"), {card.id: 1})
