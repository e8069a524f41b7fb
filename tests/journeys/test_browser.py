"""A person plays both rails in a browser, with scripts and without."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from journey_serving import open_shop
from playwright.sync_api import expect, sync_playwright

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
PATIENCE = 15_000  # milliseconds; the order's page loads itself again every two seconds


@pytest.fixture(scope="module")
def bazaar(tmp_path_factory):
    with open_shop(f"sqlite:///{tmp_path_factory.mktemp('browser') / 'shop.db'}") as shop:
        yield shop


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("not to be had: Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, bazaar):
    """A fresh browser of a stranger, on the pricing page."""
    contexts = []

    def _visit(**options):
        contexts.append(chromium.new_context(base_url=bazaar.url, **{"locale": "en-GB", **options}))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.goto("/")
        return page

    yield _visit
    [context.close() for context in contexts]


def choose(page, plan, rail):
    page.get_by_role("article", name=plan, exact=True).get_by_role("button", name=rail).click()


def press(page, label):
    page.get_by_role("button", name=label, exact=True).click()


def sees(page, title):
    expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=PATIENCE)


def gate(bazaar, page):
    """What the gate says to the key on the page."""
    key = page.locator("#api-key").inner_text()
    answer = requests.get(f"{bazaar.url}/v1/whoami", headers={"X-API-Key": key}, timeout=10)
    return answer.status_code


def own_order(page):
    """The page of the order that this browser opened last."""
    names = [cookie["name"] for cookie in page.context.cookies() if cookie["name"].startswith("tg_ord_")]
    return f"/orders/{names[-1].removeprefix('tg_')}"


def reference(page):
    """The invoice on whose page we are."""
    return page.url.rpartition("/")[2]


def buy_by_lightning(page, bazaar):
    """Be on the page of an order that was just paid; its path."""
    choose(page, "Pro", "Pay with bitcoin")
    bazaar.control(f"/btcpay/invoices/{reference(page)}/pay_lightning")
    page.goto(own_order(page))
    sees(page, "Paid. Your key works.")
    return urlsplit(page.url).path


def at_the_portal(page, bazaar, button):
    """Do something there and come back, once we were told of it."""
    press(page, "Manage your card")
    press(page, button)
    bazaar.control("/drain")
    page.get_by_role("link", name="Back to the shop").click()


@SCRIPTS
def test_a_card_buyer_walks_off_with_a_working_key(visit, bazaar, scripts):
    page = visit(java_script_enabled=scripts)
    page.get_by_role("article", name="Pro", exact=True).get_by_label("E-mail").fill("ada@example.com")
    choose(page, "Pro", "Pay by card")
    press(page, "Pay by card")
    sees(page, "Paid. Your key works.")
    assert gate(bazaar, page) == 200


@SCRIPTS
def test_a_bitcoin_buyer_who_sends_half_is_told_and_pays_the_rest(visit, bazaar, scripts):
    page = visit(java_script_enabled=scripts)
    choose(page, "Pro", "Pay with bitcoin")
    invoice = page.url
    press(page, "Pay only half")
    page.goto(own_order(page))
    sees(page, "Still due: $6.00")
    before = gate(bazaar, page)
    page.get_by_role("button", name="Pay with bitcoin").click()
    press(page, "Pay the rest")
    sees(page, "Payment seen")
    page.goto(invoice)
    press(page, "The next blocks confirm it")
    page.goto(own_order(page))
    sees(page, "Paid. Your key works.")
    assert (before, gate(bazaar, page)) == (402, 200)


def test_a_buyer_may_change_the_rail(visit, bazaar):
    page = visit()
    choose(page, "Team", "Pay with bitcoin")
    page.goto(own_order(page))
    page.get_by_role("button", name="Pay by card").click()
    press(page, "Pay by card")
    sees(page, "Paid. Your key works.")
    assert gate(bazaar, page) == 200


@SCRIPTS
def test_a_bitcoin_buyer_renews_with_another_plan(visit, bazaar, scripts):
    page = visit(java_script_enabled=scripts)
    first = buy_by_lightning(page, bazaar)
    page.get_by_text("With another plan").click()
    press(page, "Team: Pay with bitcoin")
    sees(page, "Go on with Team")
    press(page, "Pay with bitcoin")
    renewal = f"/orders/{bazaar.sandbox.world.invoices[reference(page)].metadata['orderId']}"
    page.wait_for_timeout(1000)  # BTCPay counts seconds: of two payments in one, neither is the first
    bazaar.control(f"/btcpay/invoices/{reference(page)}/pay_lightning")
    page.goto(renewal)
    sees(page, "Paid. Your time is extended.")
    page.get_by_role("link", name="To your key").click()
    expect(page.get_by_text("Team starts on")).to_be_visible()
    assert (urlsplit(page.url).path, gate(bazaar, page)) == (first, 200)


@SCRIPTS
def test_a_card_buyer_manages_the_card(visit, bazaar, scripts):
    page = visit(java_script_enabled=scripts)
    choose(page, "Pro", "Pay by card")
    press(page, "Pay by card")
    sees(page, "Paid. Your key works.")
    at_the_portal(page, bazaar, "Renewal is declined")
    sees(page, "Your card could not be charged")
    at_the_portal(page, bazaar, "The overdue invoice is paid")
    expect(page.get_by_text("Renews by card on")).to_be_visible()
    at_the_portal(page, bazaar, "Cancel at the period's end")
    expect(page.get_by_text("You cancelled the renewal")).to_be_visible()
    at_the_portal(page, bazaar, "Take the cancellation back")
    expect(page.get_by_text("Renews by card on")).to_be_visible()
    assert gate(bazaar, page) == 200


def test_the_key_opens_the_order_in_another_browser(visit, bazaar):
    page, other = visit(), visit()
    order = buy_by_lightning(page, bazaar)
    other.goto(order)
    other.get_by_label("Your API key").fill(page.locator("#api-key").inner_text())
    press(other, "Open the order here")
    sees(other, "Paid. Your key works.")


def test_the_page_finds_out_by_itself(visit, bazaar):
    page = visit()
    choose(page, "Pro", "Pay with bitcoin")
    reference = page.url.rpartition("/")[2]
    page.goto(own_order(page))
    bazaar.control(f"/btcpay/invoices/{reference}/pay_lightning")
    sees(page, "Paid. Your key works.")


def test_another_browser_sees_nothing_of_the_order(visit):
    page, stranger = visit(), visit()
    choose(page, "Pro", "Pay by card")
    stranger.goto(own_order(page))
    sees(stranger, "Open this page where you bought")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(visit, bazaar, colours):
    page, findings = visit(color_scheme=colours), {}
    findings["pricing"] = serious(page)
    choose(page, "Pro", "Pay by card")
    page.goto(own_order(page))
    findings["waiting"] = serious(page)
    page.get_by_role("button", name="Pay by card").click()
    press(page, "Pay by card")
    sees(page, "Paid. Your key works.")
    findings["paid"] = serious(page)
    at_the_portal(page, bazaar, "Renewal is declined")
    findings["past due"] = serious(page)
    page.context.clear_cookies()
    page.reload()
    findings["elsewhere"] = serious(page)
    page.goto("/")
    buy_by_lightning(page, bazaar)
    page.get_by_text("With another plan").click()
    findings["prepaid"] = serious(page)
    press(page, "Team: Pay with bitcoin")
    findings["renewal"] = serious(page)
    page.goto("/nothing")
    findings["missing"] = serious(page)
    page.goto("/docs/errors")
    findings["errors"] = serious(page)
    assert {where: found for where, found in findings.items() if found} == {}


def serious(page):
    """What axe finds that keeps somebody out."""
    found = Axe().run(page).response["violations"]
    return [(item["id"], item["nodes"][0]["target"]) for item in found if item["impact"] in ("serious", "critical")]


def needed(page):
    """How wide the window has to be."""
    page.wait_for_load_state()
    return page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("width", [320, 375])
def test_nothing_hangs_over_on_a_phone(visit, bazaar, width):
    page = visit(viewport={"width": width, "height": 640})
    widths = [needed(page)]
    choose(page, "Pro", "Pay by card")
    page.goto(own_order(page))
    widths.append(needed(page))
    page.goto("/")
    buy_by_lightning(page, bazaar)
    page.get_by_text("With another plan").click()
    widths.append(needed(page))
    press(page, "Team: Pay with bitcoin")
    widths.append(needed(page))
    assert widths == [width] * 4


def test_a_french_reader_is_met_in_french(visit):
    page = visit(locale="fr-FR")
    page.get_by_role("article", name="Pro", exact=True).get_by_role("button", name="Payer par carte").click()
    page.goto(own_order(page))
    sees(page, "En attente de votre paiement")


def test_the_documentation_draws_itself_from_here_alone(visit):
    page, hosts, complaints = visit(), set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto("/docs")
    expect(page.get_by_text("/v1/whoami")).to_be_visible()
    assert (hosts - {None}, complaints) == ({"127.0.0.1"}, [])
