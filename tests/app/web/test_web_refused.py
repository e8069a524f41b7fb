"""Floods of keys and tokens that are refused: their senders are told to wait, and nobody else notices."""

import os

import pytest
from werkzeug.test import Client

from app.decision import MALFORMED, Decision, Outcome
from app.servers import resting
from app.web.refused import AT_ONCE, RefusedKeys
from keystore import Rate, generate

RATE = Rate("refused-keys", 60, 60)
SERVICE_TOKEN = "r2Qx8Tn4Yb6Hs1Mf3Pc5"


@pytest.fixture
def settings_changes():
    return {"service_tokens": SERVICE_TOKEN, "trusted_proxies": "127.0.0.1"}


@pytest.fixture
def minute():
    """Seconds on the clock of the throttle."""
    return [960.0]


@pytest.fixture
def web(web, minute):
    web.extensions["refused_keys"] = RefusedKeys(["127.0.0.1"], rate=RATE, clock=lambda: minute[0])
    return web


@pytest.fixture(params=["/v1/whoami", "/v1/authz"])
def ask(request, client):
    """Ask at a gated view, and at the door for proxies."""

    def _ask(key, *, address="203.0.113.9", query=""):
        headers = {"X-API-Key": key, "X-Forwarded-For": address}
        return client.get(request.param + query, headers=headers)

    return _ask


def unknown():
    """A key of the right shape that nobody has."""
    return generate("test", prefix="tg", seed=os.urandom(32))[1].reveal()


def flood(ask, **more):
    return [ask(key, **more).status_code for key in [unknown(), "nonsense"] * (RATE.limit // 2)]


def test_one_refusal_too_many_is_told_to_wait(ask):
    before, answer = set(flood(ask)), ask(unknown())

    assert (before, answer.status_code, answer.json["code"]) == ({401}, 429, "rate_limited")
    assert (answer.headers["Retry-After"], answer.json["violated-policies"]) == ("60", ["refused-keys"])


def test_a_working_key_passes_from_the_same_address(ask, working_key):
    flood(ask)

    assert [ask(key).status_code for key in (unknown(), working_key)] == [429, 200]


def test_other_addresses_are_told_what_is_wrong(ask):
    flood(ask)

    assert ask("nonsense", address="203.0.113.10").status_code == 401


def test_neighbours_in_one_ipv6_network_are_one(ask):
    flood(ask, address="2001:db8::1")

    assert ask("nonsense", address="2001:db8::ffff").status_code == 429


def test_after_waiting_as_told_the_reason_is_told_again(ask, minute):
    flood(ask)
    minute[0] += int(ask("nonsense").headers["Retry-After"])

    assert ask("nonsense").json["code"] == "invalid_key"


def test_an_unpaid_key_is_always_told_where_to_pay(ask, order):
    flood(ask)

    assert ask(order["api_key"]).status_code == 402


def test_nginx_is_told_in_headers(client):
    ask = {"X-API-Key": "nonsense"}
    *_, answer = [client.get("/v1/authz?mode=nginx", headers=ask) for _ in range(RATE.limit + 1)]

    assert (answer.status_code, answer.headers["X-Tollgate-Status"], "Retry-After" in answer.headers) == (
        403,
        "429",
        True,
    )


def test_wrong_service_tokens_are_told_to_wait_and_right_ones_pass(client, working_key):
    asked = [
        client.post("/v1/keys/verify", json={"key": working_key}, headers={"Authorization": f"Bearer {token}"})
        for token in ["wrong"] * (RATE.limit + 1) + [SERVICE_TOKEN]
    ]

    assert [answer.status_code for answer in asked[-3:]] == [403, 429, 200]
    assert asked[-2].headers["Retry-After"] == "60"


def test_keys_that_services_ask_about_are_not_counted(client):
    headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    codes = {
        client.post("/v1/keys/verify", json={"key": unknown()}, headers=headers).json["code"]
        for _ in range(RATE.limit + 1)
    }

    assert codes == {"NOT_FOUND"}


def test_memory_is_bounded():
    counting = RefusedKeys([], most=100)
    [counting.told(MALFORMED, {"REMOTE_ADDR": f"198.51.100.{n % 200}"}) for n in range(1_000)]

    assert len(counting._counter._windows[60][1]) <= 100


def test_what_was_allowed_is_not_touched():
    allowed = Decision(Outcome.ALLOWED)

    assert RefusedKeys([]).told(allowed, {}) is allowed


FIVE_AN_HOUR = Rate("refused-keys", 5, 3600)


def may_wait(keys, decision=MALFORMED):
    environ = {"REMOTE_ADDR": "198.51.100.7"}
    keys.told(decision, environ)
    return resting.MAY_WAIT in environ


def test_a_few_refusals_are_answered_at_once_and_further_ones_may_wait():
    keys = RefusedKeys([], clock=lambda: 960.0)

    assert [may_wait(keys) for _ in range(AT_ONCE + 2)] == [False] * AT_ONCE + [True] * 2


def test_what_is_beyond_the_share_may_wait_however_small_it_is():
    keys = RefusedKeys([], rate=FIVE_AN_HOUR)

    assert [may_wait(keys) for _ in range(7)] == [False] * 5 + [True] * 2


@pytest.mark.parametrize(
    "outcome", [Outcome.PAYMENT_REQUIRED, Outcome.RATE_LIMITED, Outcome.ALLOWED, Outcome.MISSING_KEY]
)
def test_who_has_a_key_or_sends_none_never_waits(outcome):
    keys = RefusedKeys([], rate=FIVE_AN_HOUR)
    [may_wait(keys) for _ in range(6)]

    assert not may_wait(keys, Decision(outcome))


def test_answers_to_wrong_service_tokens_may_wait_too(web):
    seen, wrong = [], {"Authorization": "Bearer wrong"}
    client = Client(lambda environ, start_response: seen.append(environ) or web(environ, start_response))
    [client.post("/v1/keys/verify", json={}, headers=wrong) for _ in range(RATE.limit + 1)]

    assert [resting.MAY_WAIT in environ for environ in seen[-2:]] == [False, True]
