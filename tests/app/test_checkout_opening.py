"""Opening orders: what is refused, what is repeated, and that a provider is never asked for two checkouts."""

import threading
import uuid

import pytest

from app.catalog import NotOnSale, UnknownPlan
from app.checkout import add_checkout
from app.gate import Gate
from app.models import Checkout, Order
from app.orders import view_order
from app.problems import (
    ForeignReturnUrl,
    IdempotencyInFlight,
    IdempotencyMismatch,
    OrderClosed,
    ProviderFailed,
    UnknownProvider,
)
from app.sync import nudge
from keystore.models import ApiKey
from keystore.secret import Secret
from providers.base import Refused, Unavailable
from providers.events import Money, OpenedCheckout, Price

UUID = Secret(str(uuid.UUID("8e03978e-40d5-43e8-bc93-6894a57f9324")))


def test_an_order_is_open_and_can_be_paid(buy):
    order = buy().order
    assert (order.status, order.provider, order.amount, order.currency, order.amount_due) == (
        "open",
        "stripe",
        1200,
        "USD",
        1200,
    )


@pytest.mark.parametrize(
    ("wanted", "situation"),
    [
        ({"plan": "gold"}, UnknownPlan),
        ({"provider": "cash"}, UnknownProvider),
        ({"plan": "team", "provider": "stripe"}, NotOnSale),
        ({"success_url": "https://evil.example/"}, ForeignReturnUrl),
    ],
)
def test_what_cannot_be_sold_is_refused_and_changes_nothing(buy, rows, wanted, situation):
    with pytest.raises(situation):
        buy(**wanted)
    assert rows(Order) == []


def test_an_inactive_price_is_not_on_sale(buy, stripe):
    stripe.price_answer = Price("price_pro", Money(1200, "USD"), active=False, interval=None)
    with pytest.raises(NotOnSale):
        buy()


def test_a_replay_gives_the_same_order_and_the_same_key(buy):
    first, again = buy(idempotency_key=UUID), buy(idempotency_key=UUID)
    assert (again.order, again.api_key) == (first.order, first.api_key)


def test_a_replay_asks_the_provider_once(buy, stripe):
    buy(idempotency_key=UUID)
    buy(idempotency_key=UUID)
    assert len(stripe.opened) == 1


def test_the_same_idempotency_key_for_something_else_is_a_mismatch(buy):
    buy(idempotency_key=UUID)
    with pytest.raises(IdempotencyMismatch):
        buy(idempotency_key=UUID, email="a@example.com")


def test_a_replay_while_the_first_is_at_the_provider_is_in_flight(buy, stripe):
    seen = []

    def again():
        stripe.on_open = lambda: None
        with pytest.raises(IdempotencyInFlight):
            buy(idempotency_key=UUID)
        seen.append("refused")

    stripe.on_open = again
    buy(idempotency_key=UUID)
    assert (seen, len(stripe.opened)) == (["refused"], 1)


def test_eight_copies_at_once_make_one_order(buy, rows, stripe):
    def try_to_buy():
        barrier.wait()
        results.append(attempt(buy))

    barrier, results = threading.Barrier(8), []
    threads = [threading.Thread(target=try_to_buy) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert (len(rows(Order)), len(rows(ApiKey)), len(stripe.opened), set(results) <= {"opened", "in flight"}) == (
        1,
        1,
        1,
        True,
    )


def attempt(buy):
    try:
        buy(idempotency_key=UUID)
    except IdempotencyInFlight:
        return "in flight"
    return "opened"


def test_a_replay_shows_the_key_no_more_once_it_was_used(tollgate, buy, stripe, clock):
    opened = buy(idempotency_key=UUID)
    stripe.pay(at=clock.now)
    nudge(tollgate, opened.order.id)
    Gate(tollgate).decide({"X-API-Key": opened.api_key.reveal()})
    assert buy(idempotency_key=UUID).api_key is None


def test_a_replay_shows_the_key_no_more_after_a_day(buy, clock):
    buy(idempotency_key=UUID)
    clock.forward(hours=25)
    assert buy(idempotency_key=UUID).api_key is None


def test_without_an_idempotency_key_every_order_has_its_own_key(buy):
    assert buy().api_key != buy().api_key


@pytest.mark.parametrize(("error", "refused"), [(Unavailable("time-out"), False), (Refused("bad key"), True)])
def test_a_provider_that_gives_no_checkout_leaves_the_order_reusable(buy, stripe, rows, error, refused):
    stripe.on_open = raising(error)
    with pytest.raises(ProviderFailed) as failed:
        buy(idempotency_key=UUID)
    assert (failed.value.refused, failed.value.order_id) == (refused, rows(Order)[0].id)


def fail_to_buy(buy, stripe, error):
    stripe.on_open = raising(error)
    with pytest.raises(ProviderFailed):
        buy(idempotency_key=UUID)


def raising(error):
    def _raise():
        raise error

    return _raise


def test_a_failed_order_is_resumed_by_its_replay(buy, stripe):
    stripe.on_open = raising(Unavailable("time-out"))
    with pytest.raises(ProviderFailed):
        buy(idempotency_key=UUID)
    stripe.on_open = lambda: None
    assert buy(idempotency_key=UUID).order.checkout_url.startswith("https://pay.example/")


@pytest.mark.parametrize(
    ("errors", "attempts"),
    [
        ([Unavailable("time-out")] * 2, [1, 1, 1]),
        ([Unavailable("500", definite=True)], [1, 1]),
        ([Unavailable("500", definite=True)] * 2, [1, 1, 2]),
        ([Refused("no")], [1, 2]),
    ],
)
def test_a_new_attempt_only_where_nothing_came_of_the_first(buy, stripe, errors, attempts):
    [fail_to_buy(buy, stripe, error) for error in errors]
    stripe.on_open = lambda: None
    buy(idempotency_key=UUID)
    assert [request.attempt for request in stripe.opened] == attempts


def test_a_retry_asks_for_exactly_the_same_and_says_that_it_is_one(buy, stripe, clock):
    stripe.on_open = raising(Unavailable("time-out"))
    with pytest.raises(ProviderFailed):
        buy(idempotency_key=UUID)
    stripe.on_open = lambda: None
    clock.forward(minutes=5)
    buy(idempotency_key=UUID)
    first, second = stripe.opened
    assert (first.nonce, first.expires_at, first.retry, second.retry) == (second.nonce, second.expires_at, False, True)


def test_a_checkout_at_another_price_than_ours_is_not_offered(tollgate, buy, stripe):
    stripe.open = lambda request: OpenedCheckout(
        "cs_x", "https://pay.example/x", request.expires_at, False, Money(1, "USD")
    )
    with pytest.raises(ProviderFailed):
        buy()


def test_the_other_rail_opens_on_the_same_order(tollgate, buy, clock):
    order = buy().order
    clock.forward(seconds=1)
    order = add_checkout(tollgate, order.id, "btcpay")
    assert [(checkout.provider, checkout.state) for checkout in order.checkouts] == [
        ("stripe", "open"),
        ("btcpay", "open"),
    ]


def test_the_same_rail_again_gives_the_live_checkout(tollgate, buy, stripe):
    order = buy().order
    assert (add_checkout(tollgate, order.id, "stripe").checkout_url, len(stripe.opened)) == (order.checkout_url, 1)


def test_an_expired_checkout_can_be_followed_by_a_new_one(tollgate, buy, btcpay, clock):
    order = buy("btcpay").order
    clock.forward(hours=2)
    add_checkout(tollgate, order.id, "btcpay")
    assert len(btcpay.opened) == 2


def test_a_paid_order_takes_no_more_checkouts(tollgate, buy, stripe, clock):
    order = buy().order
    stripe.pay(at=clock.now)
    nudge(tollgate, order.id)
    with pytest.raises(OrderClosed):
        add_checkout(tollgate, order.id, "btcpay")


def test_no_plaintext_key_is_in_the_database(tollgate, buy, tmp_path):
    secret = buy(idempotency_key=UUID).api_key.reveal()
    dump = "".join(map(str, dumped(tollgate)))
    assert (secret in dump, secret.rsplit("_", 1)[1] in dump, UUID.reveal() in dump) == (False, False, False)


def dumped(tollgate):
    with tollgate.db.engine.connect() as connection:
        tables = [*Order.metadata.sorted_tables, *ApiKey.metadata.sorted_tables]
        return [row for table in tables for row in connection.execute(table.select()).all()]


def test_an_order_shows_all_its_attempts(tollgate, buy, rows):
    order = buy().order
    assert [checkout.id for checkout in view_order(tollgate, order.id).checkouts] == [row.id for row in rows(Checkout)]


def test_a_replay_of_an_order_that_was_paid_elsewhere_opens_nothing(tollgate, buy, stripe, btcpay, clock, rows):
    stripe.on_open = raising(Unavailable("time-out"))
    with pytest.raises(ProviderFailed):
        buy(idempotency_key=UUID)
    stripe.on_open = lambda: None
    add_checkout(tollgate, rows(Order)[0].id, "btcpay")
    btcpay.pay(at=clock.now)
    nudge(tollgate, rows(Order)[0].id)
    assert (buy(idempotency_key=UUID).order.status, len(stripe.opened)) == ("paid", 1)
