"""More time on a key: days stack, rails mix, nothing is counted twice."""

import threading
from datetime import timedelta

import pytest

from app.checkout import NewOrder, add_checkout
from app.gate import Gate
from app.keys import KeyOrder, create
from app.models import Payment
from app.operators.entitlements import revoke
from app.orders import view_order
from app.problems import NoPortal, NotRenewable
from app.renewals import open_renewal, portal, preview
from app.sync import checkout as sync_checkout
from app.sync import nudge
from app.worker import run_once
from keystore.models import ApiKey, Entitlement
from keystore.secret import Secret
from providers.events import Agreement, AgreementState, CheckoutState, Money, PaymentFact, PaymentState, Price

TERM_DAYS = 30
TERM = timedelta(days=TERM_DAYS)


@pytest.fixture
def paid(tollgate, buy, btcpay, clock):
    """A key paid by bitcoin, as the gate knows it."""
    opened = buy("btcpay")
    btcpay.pay(at=clock.now)
    nudge(tollgate, opened.order.id)
    clock.forward(minutes=1)
    return opened


@pytest.fixture
def record(tollgate, paid):
    return lambda: Gate(tollgate).identify({"X-API-Key": paid.api_key.reveal()})


@pytest.fixture
def renew(tollgate, record):
    return lambda provider="btcpay", plan="pro": open_renewal(tollgate, record(), NewOrder(plan, provider))


@pytest.fixture
def days_left(rows, clock):
    return lambda: (rows(Entitlement)[0].ends_at - clock.now).days


def test_an_early_renewal_adds_its_term(tollgate, renew, btcpay, clock, days_left):
    order = renew()
    clock.forward(days=10)
    btcpay.pay(at=clock.now)
    nudge(tollgate, order.id)
    assert days_left() == 2 * TERM_DAYS - 11


def test_a_renewal_makes_no_key(tollgate, renew, btcpay, clock, rows):
    order = renew()
    btcpay.pay(at=clock.now)
    nudge(tollgate, order.id)
    assert (len(rows(ApiKey)), order.kind, order.key_id) == (1, "renewal", None)


def test_two_renewals_add_two_terms(tollgate, renew, btcpay, clock, days_left):
    first, second = renew(), renew()
    btcpay.pay(-2, at=clock.now)
    btcpay.pay(-1, at=clock.now)
    nudge(tollgate, first.id)
    nudge(tollgate, second.id)
    assert days_left() == 3 * TERM_DAYS - 1


def test_two_renewals_applied_at_once_both_count(tollgate, renew, btcpay, clock, days_left, checkout_rows):
    renew(), renew()
    btcpay.pay(-2, at=clock.now)
    btcpay.pay(-1, at=clock.now)
    ids = [row.id for row in checkout_rows() if row.state == "open"]
    threads = [threading.Thread(target=sync_checkout, args=(tollgate, name)) for name in ids]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert days_left() == 3 * TERM_DAYS - 1


def test_renewing_on_the_other_rail_adds_its_term_too(tollgate, renew, stripe, clock, days_left):
    order = renew("stripe")
    stripe.pay(at=clock.now)
    nudge(tollgate, order.id)
    assert days_left() == 2 * TERM_DAYS - 1


def test_a_late_renewal_starts_when_it_is_paid(tollgate, renew, btcpay, clock, days_left):
    clock.forward(days=45)
    order = renew()
    btcpay.pay(at=clock.now)
    nudge(tollgate, order.id)
    assert days_left() == TERM_DAYS


def test_another_plan_starts_with_the_next_term(tollgate, renew, btcpay, clock, rows):
    order = renew(plan="team")
    btcpay.pay(at=clock.now)
    nudge(tollgate, order.id)
    assert rows(Entitlement)[0].plan == "pro"


def test_the_plan_turns_by_itself_when_its_term_begins(tollgate, renew, btcpay, clock, rows):
    order = renew(plan="team")
    btcpay.pay(at=clock.now)
    nudge(tollgate, order.id)
    clock.forward(days=TERM_DAYS, seconds=1)
    run_once(tollgate)
    assert rows(Entitlement)[0].plan == "team"


def test_a_preview_creates_nothing_and_says_when_what_begins(tollgate, record, clock, rows, btcpay):
    shown = preview(tollgate, record(), NewOrder("team", "btcpay"))
    assert (shown.plan, (shown.starts_at - clock.now).days, (shown.ends_at - clock.now).days, len(btcpay.opened)) == (
        "team",
        TERM_DAYS - 1,
        2 * TERM_DAYS - 1,
        1,
    )


def test_what_was_never_paid_is_not_renewed(tollgate, buy):
    pending = Gate(tollgate).identify({"X-API-Key": buy().api_key.reveal()})
    with pytest.raises(NotRenewable):
        open_renewal(tollgate, pending, NewOrder("pro", "btcpay"))


@pytest.fixture
def subscribed(tollgate, paid, renew, stripe, clock):
    """The same key, renewing by card every month from now on."""
    stripe.price_answer = Price("price_pro", Money(1200, "USD"), active=True, interval="month")
    order = renew("stripe")
    reference = stripe.pay(at=clock.now)
    agreement = Agreement("sub_1", AgreementState.ACTIVE, price="price_pro", customer="cus_1")
    invoice = PaymentFact("in_1", PaymentState.PAID, Money(1200, "USD"), clock.now, clock.now, clock.now + TERM)
    request = stripe.opened[-1]
    stripe.answers[reference] = stripe.said(
        request, reference, CheckoutState.PAID, payments=(invoice,), agreement=agreement, customer="cus_1"
    )
    nudge(tollgate, order.id)
    return paid


def test_a_card_period_pushes_the_prepaid_days_on(subscribed, days_left):
    assert days_left() == 2 * TERM_DAYS - 1


def test_one_subscription_is_enough(tollgate, subscribed, renew):
    with pytest.raises(NotRenewable):
        renew("stripe")


def test_bitcoin_may_follow_a_subscription(tollgate, subscribed, renew, btcpay, clock, days_left):
    order = renew("btcpay")
    btcpay.pay(at=clock.now)
    nudge(tollgate, order.id)
    assert days_left() == 3 * TERM_DAYS - 1


def test_the_billing_portal_is_the_payers_own(tollgate, subscribed, record, stripe):
    stripe.portal = lambda payer, return_url: f"https://billing.example/{payer}"
    assert portal(tollgate, record().entitlement) == "https://billing.example/cus_1"


def test_who_pays_by_bitcoin_has_no_portal(tollgate, record):
    with pytest.raises(NoPortal):
        portal(tollgate, record().entitlement)


def test_every_payment_is_on_the_books_once(tollgate, renew, btcpay, clock, rows):
    order = renew()
    btcpay.pay(at=clock.now)
    [nudge(tollgate, order.id) for _ in range(3)]
    assert len(rows(Payment)) == 2


def test_a_second_subscription_is_not_opened_beside_an_order_for_bitcoin(tollgate, subscribed, renew):
    order = renew("btcpay")
    with pytest.raises(NotRenewable):
        add_checkout(tollgate, order.id, "stripe")


def test_a_card_renewal_may_be_repeated(tollgate, record, stripe):
    stripe.price_answer = Price("price_pro", Money(1200, "USD"), active=True, interval="month")
    wanted = NewOrder("pro", "stripe", idempotency_key=Secret("8e03978e-40d5-43e8-bc93-6894a57f9324"))
    assert open_renewal(tollgate, record(), wanted).id == open_renewal(tollgate, record(), wanted).id


def test_money_for_a_revoked_key_is_flagged(tollgate, record, renew, btcpay, clock):
    order = renew()
    revoke(tollgate, record().entitlement, reason="abuse", actor="test")
    btcpay.pay(at=clock.now)
    nudge(tollgate, order.id)
    assert view_order(tollgate, order.id).attention == "paid_revoked"


def test_a_revoked_key_is_not_renewed(tollgate, record, renew):
    revoke(tollgate, record().entitlement, reason="abuse", actor="test")
    with pytest.raises(NotRenewable):
        renew()


def test_a_key_without_end_needs_no_renewal(tollgate):
    given = create(tollgate, KeyOrder("pro"), actor="test")
    record = Gate(tollgate).identify({"X-API-Key": given.api_key.reveal()})
    with pytest.raises(NotRenewable):
        open_renewal(tollgate, record, NewOrder("pro", "btcpay"))
