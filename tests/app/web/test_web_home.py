"""The page of a paid order, for its holder: how things stand, renew, manage the card, bring the key."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import text

from app import keys
from app.operators import entitlements
from keystore.models import ApiKey, Entitlement
from providers.base import Unavailable
from providers.events import Agreement, AgreementState, CheckoutState, Money, PaymentFact, PaymentState, Price

COOKIE = re.compile(r"^tg_(ord_[0-9A-Za-z]+)=([^;]+);")
BITCOIN = {"plan": "pro", "provider": "btcpay"}
MONTH = timedelta(days=30)


def hidden(page, name):
    return unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])


def title(page):
    return unescape(re.search(r"<h1>(.*?)</h1>", page)[1])


def down(*_):
    raise Unavailable("down")


@pytest.fixture
def client(web):
    """A browser that speaks HTML and English."""
    client = web.test_client()
    client.environ_base |= {"HTTP_ACCEPT": "text/html", "HTTP_ACCEPT_LANGUAGE": "en"}
    return client


@pytest.fixture
def bought(client):
    """An order on the pricing page, as this browser holds it: (id, key)."""
    page = client.get("/").text
    fields = {name: hidden(page, name) for name in ("csrf_token", "nonce")}
    found = COOKIE.match(client.post("/buy", data={**fields, **BITCOIN}).headers["Set-Cookie"])
    return found[1], found[2]


@pytest.fixture
def paid(bought, client, btcpay, clock):
    """The same, paid a minute ago: the order's id."""
    btcpay.pay(at=clock.now)
    client.get(f"/orders/{bought[0]}")
    clock.forward(minutes=1)
    return bought[0]


@pytest.fixture
def look(client, paid):
    """What the page of the first order says now."""
    return lambda: unescape(client.get(f"/orders/{paid}").text)


@pytest.fixture
def review(client, paid):
    """Choose how to renew; nothing is made yet."""
    return lambda **choice: client.get(f"/orders/{paid}/renewal", query_string={**BITCOIN, **choice})


@pytest.fixture
def press(client, paid, review):
    """Confirm a renewal."""
    page = review().text
    fields = {name: hidden(page, name) for name in ("csrf_token", "nonce")}
    return lambda **choice: client.post(f"/orders/{paid}/renewals", data={**fields, **BITCOIN, **choice})


@pytest.fixture
def renewal(press):
    """A renewal that waits for its payment: the order's id."""
    return COOKIE.match(press().headers["Set-Cookie"])[1]


@pytest.fixture
def subscribe(client, paid, press, stripe, clock):
    """Let the holder go on by card, and Stripe say how that stands."""
    stripe.price_answer = Price("price_pro", Money(1200, "USD"), active=True, interval="month")
    clock.forward(minutes=5)  # that long a price is remembered
    press(provider="stripe")
    request = stripe.opened[-1]
    reference = f"stripe-{request.checkout}-1"
    facts = (PaymentFact("in_1", PaymentState.PAID, Money(1200, "USD"), clock.now, clock.now, clock.now + MONTH),)

    def _subscribe(state=AgreementState.ACTIVE, *, cancels_at=None):
        agreement = Agreement("sub_1", state, price="price_pro", customer="cus_1", cancels_at=cancels_at)
        stripe.answers[reference] = stripe.said(
            request, reference, CheckoutState.PAID, payments=facts, agreement=agreement, customer="cus_1"
        )
        client.get(f"/orders/{request.order}")

    return _subscribe


@pytest.fixture
def post(client, paid):
    """Press a button on the first order's page."""

    def _post(path, **fields):
        token = hidden(client.get("/").text, "csrf_token")
        return client.post(f"/orders/{paid}{path}", data={"csrf_token": token, **fields})

    return _post


def test_the_page_says_until_when_the_key_works(look):
    page = look()
    assert "Valid until 1 December 2026, 12:00 UTC." in page
    assert "600 requests per minute" in page


def test_an_unpaid_order_offers_no_renewal(client, bought):
    assert "renewal" not in client.get(f"/orders/{bought[0]}").text


def test_the_plan_of_the_holder_is_offered_first(look):
    assert look().index('value="pro"') < look().index('value="team"')


def test_the_review_shows_price_and_dates_and_makes_nothing(review, rows_of_orders):
    page = review().text
    assert ("$12.00" in page, "31 December 2026" in page, len(rows_of_orders())) == (True, True, 1)


def test_the_other_language_is_a_link_to_the_same_review(review):
    assert 'href="?plan=pro&amp;provider=btcpay&amp;lang=fr"' in review().text


def test_another_plan_starts_with_the_next_term(review):
    assert "Team starts with your next term, on 1 December 2026" in review(plan="team").text


def test_the_plan_to_come_is_said(press, client, btcpay, clock, look):
    order_id = COOKIE.match(press(plan="team").headers["Set-Cookie"])[1]
    btcpay.pay(at=clock.now)
    client.get(f"/orders/{order_id}")
    assert "Team starts on 1 December 2026" in look()


def test_confirming_leads_to_the_pay_page(press):
    answer = press()
    assert (answer.status_code, answer.location.startswith("https://pay.example/btcpay-")) == (303, True)


def test_a_double_click_makes_one_renewal(press, rows_of_orders):
    first, second = press(), press()
    assert (first.location, len(rows_of_orders())) == (second.location, 2)


def test_without_a_csrf_token_nothing_is_renewed(client, paid, rows_of_orders):
    answer = client.post(f"/orders/{paid}/renewals", data=BITCOIN)
    assert (answer.status_code, len(rows_of_orders())) == (400, 1)


def test_a_renewals_page_shows_no_key(client, renewal, bought):
    page = client.get(f"/orders/{renewal}").text
    assert ("Waiting for your payment" in page, bought[1] in page, "Your API key" in page) == (True, False, False)


@pytest.mark.parametrize("gone", ["the renewal's", "the first order's"])
def test_either_cookie_opens_the_renewal(client, renewal, paid, gone):
    client.delete_cookie({"the renewal's": f"tg_{renewal}", "the first order's": f"tg_{paid}"}[gone])
    assert client.get(f"/orders/{renewal}").status_code == 200


def test_the_renewals_cookie_opens_the_first_order(client, renewal, paid):
    client.delete_cookie(f"tg_{paid}")
    assert client.get(f"/orders/{paid}").status_code == 200


def test_a_stranger_sees_nothing_of_a_renewal(web, renewal):
    assert web.test_client().get(f"/orders/{renewal}").status_code == 404


def test_a_paid_renewal_says_how_far_it_reaches(client, renewal, btcpay, clock):
    btcpay.pay(at=clock.now)
    page = client.get(f"/orders/{renewal}").text
    assert ("Your time is extended" in page, "Valid until 31 December 2026" in page) == (True, True)


def test_in_the_days_of_grace_the_page_says_both_dates_and_renews(look, clock):
    clock.forward(days=31)
    assert "Your time ended on 1 December 2026, 12:00 UTC. Your key works until 4 December 2026" in look()
    assert 'value="pro"' in look()


def test_after_the_end_the_page_says_so_and_renews(look, clock):
    clock.forward(days=34)
    assert (title(look()), "It ended on 1 December 2026" in look(), 'value="pro"' in look()) == (
        "Your time is over",
        True,
        True,
    )


@pytest.mark.parametrize("choice", [{"plan": "gold"}, {"provider": "cash"}, {"plan": "team", "provider": "stripe"}])
def test_what_cannot_be_renewed_is_said_on_the_order(review, press, look, choice):
    assert (review(**choice).status_code, "not for sale right now" in look()) == (303, True)
    assert (press(**choice).status_code, "not for sale right now" in look()) == (303, True)


def test_a_rail_that_is_down_can_be_tried_again(press, btcpay, rows_of_orders):
    btcpay.on_open = down
    failed = press()
    btcpay.on_open = lambda: None
    again = press(nonce=hidden(failed.text, "nonce"))
    assert (failed.status_code, "Nothing was charged" in failed.text) == (503, True)
    assert (again.status_code, len(rows_of_orders())) == (303, 2)


def test_who_renews_by_card_reads_when_and_manages_the_card(subscribe, look):
    subscribe()
    page = look()
    assert ("Renews by card on 1 December 2026" in page, "Manage your card" in page, "/renewal" in page) == (
        True,
        True,
        False,
    )


def test_one_subscription_is_enough(subscribe, press, look):
    subscribe()
    assert (press(provider="stripe", nonce="").status_code, "renews by card already" in look()) == (303, True)


def test_a_cancelled_subscription_says_until_when_and_offers_bitcoin(subscribe, look, clock):
    subscribe(cancels_at=clock.now + MONTH)
    page = look()
    assert "You cancelled the renewal" in page
    assert ('value="btcpay"' in page, 'value="stripe"' in page) == (True, False)


def test_the_portal_is_one_button_away(subscribe, post, stripe):
    subscribe()
    stripe.portal = lambda payer, return_url: f"https://billing.example/{payer}"
    answer = post("/portal")
    assert (answer.status_code, answer.location) == (303, "https://billing.example/cus_1")


def test_a_portal_that_does_not_answer_is_said(subscribe, post, stripe, look):
    subscribe()
    stripe.portal = down
    assert (post("/portal").status_code, "Card payments do not answer" in look()) == (303, True)


def test_who_pays_by_bitcoin_has_no_card_to_manage(post, look):
    assert ("Manage your card" in look(), post("/portal").status_code) == (False, 303)
    assert "no card to manage" in look()


def test_the_key_opens_the_order_in_another_browser(web, bought):
    browser = web.test_client()
    token = hidden(browser.get(f"/orders/{bought[0]}").text, "csrf_token")
    answer = browser.post(f"/orders/{bought[0]}/key", data={"csrf_token": token, "api_key": f" {bought[1]} "})
    assert (answer.status_code, browser.get(f"/orders/{bought[0]}").status_code) == (303, 200)


@pytest.mark.parametrize("key", ["", "x", "tg_test_x\n", "another"])
def test_a_key_that_does_not_belong_opens_nothing(web, bought, working_key, key):
    browser = web.test_client()
    token = hidden(browser.get(f"/orders/{bought[0]}").text, "csrf_token")
    given = {"another": working_key}.get(key, key)
    browser.post(f"/orders/{bought[0]}/key", data={"csrf_token": token, "api_key": given})
    answer = browser.get(f"/orders/{bought[0]}")
    assert (answer.status_code, "does not open that order" in answer.text) == (404, True)


@pytest.mark.parametrize("path", ["/renewals", "/portal"])
def test_a_stranger_does_nothing_with_an_order(web, paid, path, rows_of_orders):
    browser = web.test_client()
    token = hidden(browser.get("/").text, "csrf_token")
    answer = browser.post(f"/orders/{paid}{path}", data={"csrf_token": token, **BITCOIN})
    assert (answer.status_code, len(rows_of_orders())) == (404, 1)


def test_a_key_that_only_calls_looks_but_does_not_act(web_tollgate, paid, client):
    with web_tollgate.db.write() as session:
        session.execute(text("UPDATE api_keys SET scopes = '[]'"))
    page = client.get(f"/orders/{paid}").text
    assert ("Your plan" in page, "/renewal" in page) == (True, False)
    assert client.get(f"/orders/{paid}/renewal", query_string=BITCOIN).status_code == 404


@pytest.fixture
def revoke(web_tollgate, rows):
    """What an operator does about abuse."""
    return lambda: entitlements.revoke(web_tollgate, rows(Entitlement)[0].id, reason="abuse", actor="test")


def test_the_page_of_a_revoked_key_promises_nothing(look, revoke):
    revoke()
    page = look()
    assert (title(page), "Valid until" in page, "Try it" in page, "/renewal" in page) == (
        "Revoked",
        False,
        False,
        False,
    )


def test_a_key_that_was_replaced_opens_no_page_after_a_revocation(web_tollgate, client, paid, revoke, rows, clock):
    keys.rotate(web_tollgate, rows(ApiKey)[0].id, grace_seconds=60, actor="test")
    clock.forward(seconds=61)
    revoke()
    assert client.get(f"/orders/{paid}").status_code == 404
