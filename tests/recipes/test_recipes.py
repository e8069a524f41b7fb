"""The recipes do what they promise, on the real servers."""

import os
import time
from collections import Counter

import pytest
import requests

IDENTITY = {"x-tollgate-key-id", "x-tollgate-entitlement", "x-tollgate-owner", "x-tollgate-plan", "x-tollgate-scopes"}


def received(answer):
    """The headers that reached the API, by name in small letters."""
    return {name.lower(): value for name, value in answer.json()["headers"]}


def test_a_good_key_reaches_the_api_with_its_identity(call, keys):
    answer = call(keys["good"], "/things?a=1")
    assert (answer.status_code, answer.json()["path"]) == (200, "/things?a=1")
    assert {name for name, value in received(answer).items() if value} >= IDENTITY
    assert received(answer)["x-tollgate-plan"] == "pro"


@pytest.mark.parametrize("proxy", ["nginx", "caddy"], indirect=True)
def test_the_client_is_told_what_is_left(call, keys):
    answer = call(keys["good"])
    assert answer.headers["RateLimit-Policy"] == '"day";q=100000;w=86400'
    assert answer.headers["RateLimit"].startswith('"day";r=99')


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("none", 401, "missing_key"),
        ("revoked", 401, "revoked_key"),
        ("unpaid", 402, "payment_required"),
    ],
)
def test_a_refusal_reaches_the_client_as_it_is(call, keys, key, status, code):
    answer = call(keys[key])
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (answer.json()["status"], answer.json()["code"]) == (status, code)


def test_a_refused_key_is_challenged(call, keys):
    assert call(keys["revoked"]).headers["WWW-Authenticate"] == 'Bearer realm="gateway", error="invalid_token"'


def test_an_unpaid_key_is_told_where_to_pay(call, keys, gateway):
    assert call(keys["unpaid"]).json()["order_url"] == f"http://127.0.0.1:{gateway.port}/orders/ord_unpaid"


def test_two_different_keys_are_a_bad_request(call, keys):
    answer = call(keys["good"], headers={"Authorization": "Bearer other"})
    assert (answer.status_code, answer.json()["code"]) == (400, "ambiguous_key")


def test_a_route_that_needs_a_scope_refuses_a_key_without_it(call, keys):
    answer = call(keys["good"], "/reports/today")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert 'scope="reports:read"' in answer.headers["WWW-Authenticate"]


def price(call, left, key, path):
    before = left(key)
    assert call(key, path).status_code == 200
    return before - left(key)


def test_a_route_that_needs_a_scope_takes_a_key_that_has_it_at_its_price(call, keys, left):
    assert [price(call, left, keys["reader"], path) for path in ("/reports/today", "/")] == [5, 1]


def test_a_full_window_is_a_429_with_the_time_to_wait(call, small_key):
    answer = [call(small_key) for _ in range(4)][-1]
    assert (answer.status_code, answer.json()["violated-policies"]) == (429, ["day"])
    assert 1 <= int(answer.headers["Retry-After"]) <= 86_400


@pytest.mark.parametrize("separator", ["-", "_"])
def test_what_clients_say_of_themselves_never_reaches_the_api(call, keys, separator):
    names = ("X-Tollgate-Owner", "X-Tollgate-Features", "X-Tollgate-Plan", "x-tollgate-key-id")
    forged = {name.replace("-", separator): "forged" for name in names}
    assert "forged" not in received(call(keys["good"], headers=forged)).values()


def test_the_gate_hears_no_name_that_wsgi_takes_for_another(overheard):
    mine = ("X-API-Key", "Authorization", "X-Request-Id")
    forged = ("X_API_Key", "X-API_Key", "X_Forwarded_For", "X-Forwarded_For", "X_Request_Id", "Content_Length")
    requests.get(overheard.address, headers=dict.fromkeys(mine + forged, "192.0.2.1"), timeout=10)
    assert {name.lower() for name in mine} <= {name.lower() for name in overheard.names}
    assert [name for name in overheard.names if "_" in name] == []


@pytest.mark.parametrize("query", ["cost=1&scope=account", "mode=nginx", "cost=0"])
def test_a_clients_query_sets_no_terms(call, keys, query):
    plain, answer = (call(keys["good"], path) for path in ("/reports/today", f"/reports/today?{query}"))
    assert (answer.status_code, answer.json()["detail"]) == (plain.status_code, plain.json()["detail"])


def test_a_clients_query_sets_no_terms_where_the_route_sets_none(call, keys):
    assert call(keys["good"], "/?cost=0&scope=nope&mode=x").status_code == 200


def test_forged_forwarding_headers_let_nobody_pass(call, keys):
    forged = {
        "X-Forwarded-Uri": "/healthz",
        "X-Forwarded-Method": "OPTIONS",
        "X-Original-URL": "/",
        "X-Forwarded-For": "127.0.0.1",
    }
    assert call(keys["none"], headers=forged).status_code == 401


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "DELETE", "PROPFIND"])
def test_no_method_goes_round_the_gate(call, method):
    assert call(None, method=method).status_code == 401


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_reaches_the_api_untouched(call, keys, method, size):
    body = os.urandom(size)
    answer = call(keys["good"], method=method, data=body)
    assert (answer.json()["method"], bytes.fromhex(answer.json()["body"]) == body) == (method, True)


def test_no_body_is_sent_to_the_gate(call, keys, gateway):
    call(keys["good"], "/", "POST", data=b"x" * 50_000)
    lengths = {line.split()[2] for line in gateway.seen.read_text().splitlines() if "/v1/authz" in line}
    assert lengths <= {"-", "0"}


def test_connections_to_the_gate_are_kept(call, keys, gateway):
    before = len(settled(gateway))
    for_ports = [call(keys["good"]).status_code for _ in range(30)]
    ports = Counter(settled(gateway)[before:])
    assert (for_ports, ports.total()) == ([200] * 30, 30)
    assert len(ports) <= 2


def asked(gateway):
    """The ports from which the gate was asked, one for each question."""
    return [line.split()[0] for line in gateway.seen.read_text().splitlines() if "/v1/authz" in line]


def settled(gateway):
    """The same when nothing is added any more: a line is written after its answer was sent."""
    seen, before = asked(gateway), None
    while seen != before:
        time.sleep(0.2)
        seen, before = asked(gateway), seen
    return seen


@pytest.mark.parametrize("proxy", ["nginx", "caddy"], indirect=True)
def test_without_an_answer_from_the_gate_nobody_passes(unguarded, keys):
    answer = requests.get(unguarded, headers={"X-API-Key": keys["good"]}, timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert (answer.headers["Content-Type"], answer.json()["code"]) == ("application/problem+json", "unavailable")


@pytest.mark.parametrize("proxy", ["traefik"], indirect=True)
def test_traefik_says_no_more_than_that_then(unguarded, keys):
    answer = requests.get(unguarded, headers={"X-API-Key": keys["good"]}, timeout=10)
    assert (answer.status_code, answer.content) == (500, b"")


def test_a_gate_that_cannot_tell_is_a_503_to_the_client(undecided, keys):
    answer = requests.get(undecided, headers={"X-API-Key": keys["good"]}, timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert (answer.headers["Content-Type"], answer.json()["code"]) == ("application/problem+json", "unavailable")
