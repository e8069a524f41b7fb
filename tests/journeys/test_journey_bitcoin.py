"""Paying by bitcoin: in full, in parts, too late, too much, by hand; and what BTCPay's postman does to it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from journey_shop import event_of, signed

OPEN = ("payment_required", ("open", None))
PAID = ("allowed", ("paid", None))
SIXTY_DAYS = 60 * 24 * 3600


@pytest.fixture
def invoice(shop):
    """An order for Pro with an open invoice."""
    return shop.buy("pro", "btcpay")


@pytest.fixture
def outcome(shop):
    """What the gate says, and how the order stands."""
    return lambda bought: (shop.gate(bought), shop.standing(bought))


@pytest.mark.parametrize("actions", [("pay", "confirm"), ("pay_lightning",)], ids=["chain", "lightning"])
def test_a_settled_invoice_makes_the_key_work(shop, invoice, outcome, actions):
    shop.act(invoice, *actions)
    assert outcome(invoice) == PAID


@pytest.mark.parametrize(("plan", "windows"), [("pro", {"minute": 600}), ("team", {"burst": 50, "minute": 2400})])
def test_the_key_has_the_limits_of_its_plan(shop, plan, windows):
    bought = shop.buy(plan, "btcpay")
    shop.act(bought, "pay_lightning")
    assert shop.limits(bought) == windows


def test_a_payment_in_process_is_not_paid(shop, invoice, outcome):
    shop.act(invoice, "pay")
    assert outcome(invoice) == ("payment_required", ("processing", None))


def test_half_the_price_makes_no_key_work_and_shows_what_is_missing(shop, invoice, outcome):
    shop.act(invoice, "underpay", "confirm")
    assert (outcome(invoice), shop.order(invoice)["amount_due"]) == (OPEN, 600)


def test_the_rest_makes_the_key_work(shop, invoice, outcome):
    shop.act(invoice, "underpay", "pay_rest", "confirm")
    assert (outcome(invoice), shop.order(invoice)["amount_due"]) == (PAID, 0)


def test_half_the_price_at_the_end_is_flagged_and_still_due(shop, invoice, outcome):
    shop.act(invoice, "underpay", "expire")
    assert (outcome(invoice), shop.order(invoice)["amount_due"]) == (
        ("payment_required", ("expired", "underpaid")),
        600,
    )


def test_an_unpaid_invoice_expires_without_a_flag(shop, invoice, outcome):
    shop.act(invoice, "expire")
    assert outcome(invoice) == ("payment_required", ("expired", None))


def test_the_whole_price_too_late_is_held_and_flagged(shop, invoice, outcome):
    shop.act(invoice, "expire", "pay_late", "confirm")
    assert outcome(invoice) == ("payment_required", ("expired", "paid_late"))


def test_the_whole_price_too_late_counts_where_the_offer_says_so(shop, outcome):
    bought = shop.buy("lenient", "btcpay")
    shop.act(bought, "expire", "pay_late", "confirm")
    assert outcome(bought) == ("allowed", ("paid", None))


def test_late_money_that_is_marked_settled_makes_the_key_work(shop, invoice):
    shop.act(invoice, "expire", "pay_late", "confirm", "mark_settled")
    assert (shop.gate(invoice), shop.order(invoice)["status"]) == ("allowed", "paid")


def test_too_much_makes_the_key_work_and_is_flagged(shop, invoice, outcome):
    shop.act(invoice, "overpay", "confirm")
    assert outcome(invoice) == ("allowed", ("paid", "overpaid"))


def test_an_invoice_settled_by_hand_makes_the_key_work_and_is_flagged(shop, invoice, outcome):
    shop.act(invoice, "mark_settled")
    assert outcome(invoice) == ("allowed", ("paid", "marked_by_hand"))


def test_an_invoice_settled_by_hand_and_then_invalid_ends_the_key(shop, invoice, outcome):
    shop.act(invoice, "mark_settled", "mark_invalid")
    assert outcome(invoice) == ("ended", ("canceled", "marked_by_hand"))


@pytest.mark.parametrize("actions", [("pay", "never_confirm"), ("mark_invalid",)])
def test_an_invalid_invoice_makes_no_key_work(shop, invoice, actions):
    shop.act(invoice, *actions)
    assert (shop.gate(invoice) == "allowed", shop.order(invoice)["status"]) == (False, "canceled")


def test_a_double_spend_of_which_no_event_tells_is_found_by_the_sweep(shop, invoice, outcome):
    shop.act(invoice, "pay", "double_spend")
    shop.sweep()
    assert outcome(invoice) == OPEN


def test_a_late_event_of_expiry_takes_nothing_back(shop, invoice, outcome):
    expired = event_of(shop.hold(shop.buy("pro", "btcpay"), "expire")[0], invoiceId=invoice.reference)
    shop.act(invoice, "pay", "confirm")
    answer = shop.post("btcpay", *signed("btcpay", expired))
    assert (answer.json()["state"], outcome(invoice)) == ("applied", PAID)


def test_the_sweep_finds_a_settled_invoice_whose_webhooks_were_all_lost(shop, invoice):
    shop.hold(invoice, "pay", "confirm")
    before = shop.gate(invoice)
    shop.sweep()
    assert (before, shop.gate(invoice)) == ("payment_required", "allowed")


@pytest.mark.parametrize(
    ("actions", "reason"), [(("pay_late", "confirm"), "paid_late"), (("mark_settled",), "marked_by_hand")]
)
def test_the_sweep_finds_what_happened_to_an_expired_invoice(shop, invoice, actions, reason):
    shop.act(invoice, "expire")
    shop.hold(invoice, *actions)
    shop.sweep()
    assert shop.standing(invoice)[1] == reason


def test_five_parallel_copies_are_all_answered_and_count_once(shop, invoice):
    settled = shop.hold(invoice, "pay", "confirm")[-1]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: shop.send(settled), range(5)))
    shop.work()
    assert {answer.status_code for answer in answers} == {200}
    assert (shop.gate(invoice), shop.send(settled).json()["state"]) == ("allowed", "duplicate")


def test_a_redelivery_with_a_new_id_is_known_as_a_duplicate(shop, invoice):
    settled = shop.hold(invoice, "pay", "confirm")[-1]
    first, again = shop.send(settled), shop.send(settled, first=False)
    assert (first.json()["state"], again.json()["state"]) == ("applied", "duplicate")


def test_a_redelivery_counts_whatever_its_age_when_the_first_was_lost(shop, invoice, outcome):
    settled = event_of(shop.hold(invoice, "pay", "confirm")[-1])
    old = {"timestamp": settled["timestamp"] - SIXTY_DAYS, "isRedelivery": True, "deliveryId": "another-id"}
    answer = shop.post("btcpay", *signed("btcpay", settled | old))
    assert (answer.json()["state"], outcome(invoice)) == ("applied", PAID)


@pytest.mark.parametrize(
    ("actions", "gate", "status"),
    [
        (("pay", "confirm"), "allowed", "paid"),
        (("underpay", "pay_rest", "confirm"), "allowed", "paid"),
        (("underpay", "expire"), "payment_required", "expired"),
        (("expire", "pay_late", "confirm"), "payment_required", "expired"),
        (("mark_settled", "mark_invalid"), "payment_required", "canceled"),
    ],
    ids=["paid", "rest", "part", "late", "marked"],
)
def test_events_in_reverse_order_end_where_the_invoice_ended(shop, invoice, actions, gate, status):
    shop.states(shop.hold(invoice, *actions)[::-1])
    assert (shop.gate(invoice), shop.order(invoice)["status"]) == (gate, status)


@pytest.mark.parametrize("fault", ["twice", "out_of_order", "late"])
def test_a_bad_postman_changes_nothing(shop, invoice, outcome, fault):
    with shop.weather(fault=fault, delay=0.1):
        shop.act(invoice, "pay", "confirm")
    assert outcome(invoice) == PAID


def test_a_forged_postman_changes_nothing_until_the_sweep(shop, invoice):
    with shop.weather(fault="bad_signature"):
        shop.act(invoice, "pay", "confirm")
    before = shop.gate(invoice)
    shop.sweep()
    assert (before, shop.gate(invoice)) == ("payment_required", "allowed")
