"""Floods of keys and tokens that are refused: their senders are told to wait, and nobody else notices."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from itertools import islice

import pytest

from app import create_app
from app.decision import MALFORMED, Decision, Outcome
from app.web.refused import RefusedKeys
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


class Sleepers:
    """Sleeps until it is let go, and knows how many do."""

    def __init__(self):
        self.asleep, self.most, self.let_go = 0, 0, threading.Event()

    def __call__(self, _seconds):
        self.asleep += 1
        self.most = max(self.most, self.asleep)
        self.let_go.wait(10)


@pytest.fixture
def sleepers():
    return Sleepers()


def hurry(keys, **more):
    return keys.told(MALFORMED, {"REMOTE_ADDR": "198.51.100.7", "wsgi.multithread": True} | more)


ONE_AN_HOUR = Rate("refused-keys", 1, 3600)


def test_beyond_its_share_one_refusal_at_a_time_waits(sleepers):
    keys = RefusedKeys([], rate=ONE_AN_HOUR, in_hand={1}, sleep=sleepers)
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(hurry, keys) for _ in range(8)]
        at_once = [one.result(10).outcome for one in islice(as_completed(answers, timeout=10), 7)]
        sleepers.let_go.set()

    assert (len(at_once), sleepers.most) == (7, 1)
    assert [answer.result().outcome for answer in answers].count(Outcome.RATE_LIMITED) == 7


@pytest.mark.parametrize(
    ("in_hand", "more"),
    [({1, 2, 3}, {}), (None, {}), (set(), {"wsgi.multithread": False})],
    ids=["others are at work", "few threads", "no threads"],
)
def test_nobody_waits_where_others_would_wait_behind(sleepers, in_hand, more):
    sleepers.let_go.set()
    keys = RefusedKeys([], rate=ONE_AN_HOUR, in_hand=in_hand, sleep=sleepers)
    answers = [hurry(keys, **more).outcome for _ in range(3)]

    assert (answers[1:], sleepers.most) == ([Outcome.RATE_LIMITED] * 2, 0)


def test_within_the_share_nobody_waits(sleepers):
    sleepers.let_go.set()
    keys = RefusedKeys([], rate=Rate("refused-keys", 5, 3600), in_hand=set(), sleep=sleepers)
    [hurry(keys) for _ in range(5)]

    assert sleepers.most == 0


@pytest.mark.parametrize(("threads", "may_wait"), [(1, False), (3, False), (4, True)])
def test_a_server_with_few_threads_makes_nobody_wait(web_tollgate, threads, may_wait):
    settings = web_tollgate.settings.model_copy(update={"threads": threads})
    app = create_app(tollgate=replace(web_tollgate, settings=settings))

    assert (app.extensions["refused_keys"]._in_hand is app.extensions["in_hand"]) is may_wait


def test_the_shell_knows_how_many_requests_are_in_hand(web):
    inside = []
    web.add_url_rule("/inside", view_func=lambda: str(inside.append(len(web.extensions["in_hand"]))))
    web.test_client().get("/inside")

    assert (inside, len(web.extensions["in_hand"])) == ([1], 0)
