"""The pages as forms and cookies; a browser plays them whole in tests/journeys."""

import re
from html import unescape

import pytest
from sqlalchemy import update

from app.models import Checkout
from providers.base import Unavailable
from providers.events import CheckoutState, Money, Oddity

COOKIE = re.compile(r"^(?:__Host-)?tg_(ord_[0-9A-Za-z]+)=([^;]+); (.*)$")
BITCOIN = {"plan": "pro", "provider": "btcpay"}


def hidden(page, name):
    return unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])


@pytest.fixture
def client(web):
    """A browser that speaks HTML and English."""
    client = web.test_client()
    client.environ_base |= {"HTTP_ACCEPT": "text/html", "HTTP_ACCEPT_LANGUAGE": "en"}
    return client


@pytest.fixture
def form(client):
    """The hidden fields of the pricing page."""
    page = client.get("/").text
    return {name: hidden(page, name) for name in ("csrf_token", "nonce")}


@pytest.fixture
def press(client, form):
    """Press a button on the pricing page."""
    return lambda **fields: client.post("/buy", data={**form, **BITCOIN, **fields})


@pytest.fixture
def bought(press):
    """An order as the browser holds it: (id, key)."""
    found = COOKIE.match(press().headers["Set-Cookie"])
    return found[1], found[2]


def down(*_):
    raise Unavailable("down")


def test_every_plan_has_a_button_for_each_of_its_rails(client):
    page = client.get("/").text
    assert (page.count('value="stripe"'), page.count('value="btcpay"')) == (1, 2)


def test_test_mode_is_said_on_every_page(client):
    assert ["no real money" in client.get(path).text for path in ("/", "/nothing", "/orders/ord_1")] == [True] * 3


@pytest.mark.parametrize(
    "settings_changes", [{"mode_setting": "live", "stripe_secret_key": None, "stripe_webhook_secret": ()}]
)
def test_live_mode_has_no_test_band(client):
    assert "no real money" not in client.get("/").text


def test_buying_leads_to_the_pay_page(press):
    answer = press()
    assert (answer.status_code, answer.location.startswith("https://pay.example/btcpay-")) == (303, True)


def test_the_browser_holds_the_key_in_a_cookie_no_script_can_read(press):
    attributes = COOKIE.match(press().headers["Set-Cookie"])[3].split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=2592000"} <= set(attributes)
    assert "Secure" not in attributes


@pytest.mark.parametrize("settings_changes", [{"public_url": "https://shop.example.com"}])
def test_on_https_the_cookie_is_bound_to_the_host(client, press):
    client.environ_base["wsgi.url_scheme"] = "https"
    page = client.get("/", base_url="https://shop.example.com").text
    fields = {name: hidden(page, name) for name in ("csrf_token", "nonce")}
    answer = client.post("/buy", data={**fields, **BITCOIN}, base_url="https://shop.example.com")
    assert answer.headers["Set-Cookie"].startswith("__Host-tg_ord_")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_double_click_makes_one_order(press, rows_of_orders):
    first, second = press(), press()
    assert (first.location, len(rows_of_orders())) == (second.location, 1)


def test_going_back_and_choosing_the_other_rail_makes_another_order(press, rows_of_orders):
    statuses = [press().status_code, press(provider="stripe").status_code]
    assert (statuses, len(rows_of_orders())) == ([303, 303], 2)


def test_without_a_csrf_token_nothing_is_bought(client, form, rows_of_orders):
    answer = client.post("/buy", data={**BITCOIN, "nonce": form["nonce"]})
    assert (answer.status_code, rows_of_orders()) == (400, [])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"email": "nobody"}, 422),
        ({"plan": "gold"}, 409),
        ({"plan": "team", "provider": "stripe"}, 409),
        ({"provider": ""}, 409),
        ({"plan": "\x00"}, 409),
    ],
)
def test_what_cannot_be_bought_is_said_on_the_page(press, rows_of_orders, fields, status):
    answer = press(**fields)
    assert (answer.status_code, 'role="alert"' in answer.text, rows_of_orders()) == (status, True, [])


def test_what_was_typed_is_never_taken_as_html(press):
    assert "<script" not in press(email="<script>alert(1)</script>@example.com").text


def test_a_rail_that_is_down_says_so_and_can_be_tried_again(press, btcpay, rows_of_orders):
    btcpay.on_open = down
    failed = press()
    btcpay.on_open = lambda: None
    again = press(nonce=hidden(failed.text, "nonce"))
    assert (failed.status_code, "Nothing was charged" in failed.text, "Try again" in failed.text) == (503, True, True)
    assert (again.status_code, len(rows_of_orders())) == (303, 1)


def test_the_buyer_sees_the_key_before_paying(client, bought):
    order_id, key = bought
    page = client.get(f"/orders/{order_id}").text
    assert key in page
    assert "starts to work when the payment arrives" in page


def test_a_waiting_page_loads_itself_again(client, bought):
    answer = client.get(f"/orders/{bought[0]}")
    assert (answer.headers["Refresh"], 'role="status"' in answer.text) == ("2", True)


def test_after_the_payment_there_is_a_ready_curl(client, bought, btcpay, clock):
    btcpay.pay(at=clock.now)
    answer = client.get(f"/orders/{bought[0]}")
    assert "curl http://127.0.0.1:8000/v1/whoami" in answer.text
    assert "Refresh" not in answer.headers


def test_what_is_still_due_is_said(client, bought, btcpay):
    request = btcpay.opened[-1]
    reference = f"btcpay-{request.checkout}-1"
    btcpay.answers[reference] = btcpay.said(request, reference, amount_due=Money(400, "USD"))
    assert "Still due: $4.00" in client.get(f"/orders/{bought[0]}").text


def test_who_has_paid_a_part_is_not_asked_for_the_whole_elsewhere(client, bought, btcpay):
    request = btcpay.opened[-1]
    reference = f"btcpay-{request.checkout}-1"
    btcpay.answers[reference] = btcpay.said(request, reference, amount_due=Money(400, "USD"))
    page = client.get(f"/orders/{bought[0]}").text
    assert ("Pay with bitcoin" in page, "Pay by card" in page) == (True, False)


def test_a_payment_on_its_way_is_said(client, bought, btcpay):
    request = btcpay.opened[-1]
    reference = f"btcpay-{request.checkout}-1"
    btcpay.answers[reference] = btcpay.said(request, reference, CheckoutState.PROCESSING)
    assert "Payment seen" in client.get(f"/orders/{bought[0]}").text


def test_a_payment_that_needs_a_person_is_said(client, bought, btcpay):
    request = btcpay.opened[-1]
    reference = f"btcpay-{request.checkout}-1"
    btcpay.answers[reference] = btcpay.said(
        request, reference, CheckoutState.EXPIRED, oddities=frozenset({Oddity.UNDERPAID})
    )
    assert "Less arrived than was due" in client.get(f"/orders/{bought[0]}").text


def test_an_order_that_ran_out_can_be_paid_again(client, bought, btcpay):
    request = btcpay.opened[-1]
    reference = f"btcpay-{request.checkout}-1"
    btcpay.answers[reference] = btcpay.said(request, reference, CheckoutState.EXPIRED)
    page = client.get(f"/orders/{bought[0]}").text
    assert ("The time to pay is over" in page, "Pay with bitcoin" in page) == (True, True)


def test_the_other_rail_is_a_button_away(client, bought):
    order_id, _ = bought
    token = hidden(client.get(f"/orders/{order_id}").text, "csrf_token")
    answer = client.post(f"/orders/{order_id}/checkouts", data={"csrf_token": token, "provider": "stripe"})
    assert (answer.status_code, answer.location.startswith("https://pay.example/stripe-")) == (303, True)


def test_the_other_rail_being_down_is_said_on_the_order(client, bought, stripe):
    stripe.on_open = down
    order_id, _ = bought
    token = hidden(client.get(f"/orders/{order_id}").text, "csrf_token")
    answer = client.post(
        f"/orders/{order_id}/checkouts", data={"csrf_token": token, "provider": "stripe"}, follow_redirects=True
    )
    assert "Card payments do not answer right now" in answer.text


def test_without_the_cookie_an_order_shows_nothing(web, bought):
    order_id, key = bought
    answer = web.test_client().get(f"/orders/{order_id}")
    assert (answer.status_code, key in answer.text, "Pro" in answer.text) == (404, False, False)


def test_a_strangers_visit_looks_the_same_whether_the_order_exists(web, bought):
    stranger = web.test_client()
    seen, unseen = (stranger.get(f"/orders/{order_id}").text for order_id in (bought[0], "ord_" + "0" * 22))
    assert seen.replace(bought[0], "") == unseen.replace("ord_" + "0" * 22, "")


def test_even_a_strangers_visit_makes_us_ask_the_provider(web, bought, btcpay):
    web.test_client().get(f"/orders/{bought[0]}")
    assert len(btcpay.asked) == 1


@pytest.fixture
def renewing(web_tollgate, bought, clock):
    """The order, paid by something that renews itself, asked about a minute ago."""
    with web_tollgate.db.write() as session:
        session.execute(update(Checkout).values(state="paid", agreement="sub_1", agreement_state="active"))
    clock.forward(minutes=1)
    return bought[0]


def test_only_the_holders_visit_makes_us_ask_about_a_subscription(web, client, renewing, btcpay):
    before = len(btcpay.asked)
    web.test_client().get(f"/orders/{renewing}")
    after_a_stranger = len(btcpay.asked)
    client.get(f"/orders/{renewing}")
    assert (after_a_stranger, len(btcpay.asked)) == (before, before + 1)


def test_the_key_of_another_order_does_not_open_this_one(client, bought, working_key):
    client.set_cookie(f"tg_{bought[0]}", working_key)
    assert client.get(f"/orders/{bought[0]}").status_code == 404


@pytest.mark.parametrize("value", ["", "x", "tg_test_x", "é" * 10])
def test_a_cookie_that_is_no_key_opens_nothing(client, bought, value):
    client.set_cookie(f"tg_{bought[0]}", value)
    assert client.get(f"/orders/{bought[0]}").status_code == 404


def test_a_stranger_opens_no_checkout(web, client, bought, stripe):
    token = hidden(client.get("/").text, "csrf_token")
    client.delete_cookie(f"tg_{bought[0]}")
    answer = client.post(f"/orders/{bought[0]}/checkouts", data={"csrf_token": token, "provider": "stripe"})
    assert (answer.status_code, stripe.opened) == (404, [])


def test_no_page_names_another_host(client, bought):
    pages = [client.get(path).text for path in ("/", f"/orders/{bought[0]}", "/nothing", "/docs/errors")]
    assert [re.findall(r'(?:src|href)="(https?://[^"]*)', page) for page in pages] == [[], [pay_url(pages[1])], [], []]


def pay_url(page):
    """The link to the pay page: the one way out."""
    return re.search(r'href="(https://pay\.example/[^"]*)', page)[1]
