"""No secret in anything that is written down: a real run at LOG_LEVEL=DEBUG, and then every file and every message is searched."""

import re
import uuid

import pytest
import requests

OWN = ("ADMIN_TOKEN", "SECRET_KEY", "SERVICE_TOKENS", "KEY_PEPPERS")
PROVIDERS = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "BTCPAY_API_KEY", "BTCPAY_WEBHOOK_SECRET")
KEYS = ("card", "bitcoin", "rotated", "given away", "browser")
IDEMPOTENCY = ("idempotency of card", "idempotency of bitcoin")
SECRETS = (*OWN, *PROVIDERS, *KEYS, *IDEMPOTENCY)
FORM = {"plan": "pro", "provider": "stripe", "email": "buyer@example.com"}


@pytest.fixture(scope="module")
def secrets(run):
    """Live through everything that handles a secret; answers each secret by name. Of an API key, the part that is secret."""
    card, bitcoin = buy(run, "stripe"), buy(run, "btcpay")
    run.ask("GET", "/v1/whoami", key=card["api_key"])
    run.press(card, "pay")
    run.press(bitcoin, "pay")
    run.press(bitcoin, "confirm")
    rotated = run.ask("POST", "/v1/keys/rotate", key=card["api_key"], json={"grace_seconds": 60}).json()["api_key"]
    given = run.ask("POST", "/v1/admin/keys", headers=admin(run), json={"plan": "team"}).json()["api_key"]
    keys = {
        "card": card["api_key"],
        "bitcoin": bitcoin["api_key"],
        "rotated": rotated,
        "given away": given,
        "browser": by_browser(run),
    }
    for name in KEYS[:-1]:  # the browser's order stays unpaid
        run.ask("GET", "/v1/whoami", key=keys[name]).raise_for_status()
    misuse(run, keys["card"])
    settings = {name: run.environ[name].removeprefix("v1:") for name in (*OWN, *PROVIDERS)}
    used = {"idempotency of card": card["used"], "idempotency of bitcoin": bitcoin["used"]}
    return settings | used | {name: key.rpartition("_")[2] for name, key in keys.items()}


def buy(run, provider):
    """An order, twice the same request."""
    used = str(uuid.uuid4())
    body = {"plan": "pro", "provider": provider, "email": "buyer@example.com"}
    answers = [run.ask("POST", "/v1/orders", json=body, headers={"Idempotency-Key": used}) for _ in range(2)]
    return answers[1].json() | {"used": used}


def admin(run):
    return {"Authorization": f"Bearer {run.environ['ADMIN_TOKEN']}"}


def by_browser(run):
    """The key that a buyer's browser gets in a cookie. A session of its own: cookies of a host go to all of its ports, so to the sandbox too."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(f"{run.demo.gateway}/", timeout=20).text
        fields = dict(re.findall(r'name="(csrf_token|nonce)" value="([^"]+)"', page))
        sent = browser.post(f"{run.demo.gateway}/buy", data=FORM | fields, timeout=20, allow_redirects=False)
        name, key = next((cookie.name, cookie.value) for cookie in sent.cookies if "ord_" in cookie.name)
        browser.get(f"{run.demo.gateway}/orders/{name.removeprefix('tg_')}", timeout=20).raise_for_status()
    return key


def misuse(run, key):
    """Where secrets turn up although they should not: in URLs, in bodies, in wrong headers, beside a provider in trouble."""
    run.ask("GET", f"/v1/whoami?api_key={key}")
    run.ask("GET", f"/v1/nowhere/{key}", headers={"Authorization": f"Basic {key}"})
    run.ask("POST", "/v1/orders", json={"plan": key, "provider": "stripe", key: key})
    run.ask(
        "POST",
        "/v1/orders",
        data=f'{{"plan": "{key}',
        headers={"Content-Type": "application/json", "Idempotency-Key": key},
    )
    run.ask("POST", "/v1/webhooks/stripe", data=key, headers={"Stripe-Signature": key})
    run.ask("POST", "/v1/webhooks/btcpay", data=key, headers={"BTCPay-Sig": run.environ["BTCPAY_WEBHOOK_SECRET"]})
    run.ask("GET", "/v1/admin/keys", headers={"Authorization": f"Bearer {key}"})
    run.ask("GET", f"/v1/admin/keys?starting_after={run.environ['ADMIN_TOKEN']}", headers=admin(run))
    run.ask("GET", f"/v1/admin/keys/{key}", headers=admin(run))
    run.sandbox("faults", api="garbage")
    buy(run, "stripe")
    buy(run, "btcpay")
    run.sandbox("faults", api="normal")


@pytest.mark.parametrize("name", SECRETS)
def test_the_database_holds_no_secret(run, secrets, name):
    assert secrets[name].encode() not in run.files("tollgate.db*")


@pytest.mark.parametrize("name", SECRETS)
def test_the_logs_hold_no_secret(run, secrets, name):
    assert secrets[name].encode() not in run.files("*.log")


@pytest.mark.parametrize("name", [*OWN, *KEYS, *IDEMPOTENCY, "STRIPE_WEBHOOK_SECRET", "BTCPAY_WEBHOOK_SECRET"])
def test_providers_are_told_no_secret_but_the_key_to_their_own_api(secrets, run, name):
    assert [message for message in run.heard if secrets[name] in message] == []


@pytest.mark.parametrize(("own", "other"), [("STRIPE_SECRET_KEY", "/btcpay/"), ("BTCPAY_API_KEY", "/stripe/")])
def test_one_provider_never_sees_the_key_of_the_other(secrets, run, own, other):
    assert [message for message in run.heard if secrets[own] in message and other in message.partition("\n")[0]] == []


def test_the_search_finds_what_is_there(run, secrets):
    """Else a run that wrote nothing would pass all of the above."""
    orders = set(re.findall(rb"/orders/(ord_[0-9A-Za-z]{22})", run.files("*.log")))
    assert orders
    assert all(order in run.files("tollgate.db*") for order in orders)
    assert any(secrets["STRIPE_SECRET_KEY"] in message for message in run.heard)
