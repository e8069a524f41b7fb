"""A route is judged by the address that the API will see, however a client spells it."""

import json

import pytest

DEAR = [
    "/reports/a",
    "//reports/a",
    "/r%65ports/a",
    "/%2freports/a",
    "/reports%2fa",
    "/reports%2Fa",
    "/reports",
    "/reports?a",
    "/REPORTS/a",
    "/reports;a/b",
    "/reports%3ba/b",
    "/reports%0a",
    "/reports%00",
    "/reports%5ca",
    "/reports\\a",
]
DOTTED = [
    "/reports/../x",
    "/reports/a/../../x",
    "/reports/%2e%2e/x",
    "/reports/.%2E/x",
    "/reports/a/..%2f..%2fx",
    "/reports%2f..%2fx",
    "/reports/..\\x",
    "/x/../reports/a",
    "/x#/../reports/a",
    "/x/..%2freports/a",
    "/x%2f%2e%2e/reports/a",
    "/./reports/a",
    "/%2e/reports/a",
    "/reports/.",
    "/reports/..",
    "/reports/..?a=1",
]
PLAIN = [
    *("/a%25b", "/a%3fb", "/a%23b", "/a%20b", "/caf%c3%a9", "/a;b"),
    *("/.well-known/a", "/a..b/...c/.d", "/a?b=/../c", "/reportsx", "/x/reports/a"),
]


@pytest.mark.parametrize("target", DEAR)
def test_no_spelling_of_a_dear_route_is_a_cheap_one(raw, keys, target):
    answer = raw(target, [("X-API-Key", keys["good"])])
    assert answer.status in (400, 403), answer.text


@pytest.mark.parametrize("proxy", ["nginx", "caddy"], indirect=True)
@pytest.mark.parametrize("target", [*DOTTED, "/x/..;/reports/a", "/x/%2e%2e%3b/reports/a"])
def test_an_address_with_dots_for_a_step_is_refused_before_anything_is_charged(raw, keys, left, target):
    before = left(keys["reader"])
    answer = raw(target, [("X-API-Key", keys["reader"])])
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert (json.loads(answer.text)["code"], left(keys["reader"])) == ("invalid_request", before)


@pytest.mark.parametrize("proxy", ["traefik"], indirect=True)
@pytest.mark.parametrize("target", DOTTED)
def test_traefik_takes_the_step_itself_or_refuses_it(raw, keys, target):
    answer = raw(target, [("X-API-Key", keys["good"])])
    assert answer.status in (400, 403) or not json.loads(answer.text)["path"].startswith("/reports")


@pytest.mark.parametrize("target", PLAIN)
def test_an_address_that_is_only_unusual_passes(raw, keys, target):
    answer = raw(target, [("X-API-Key", keys["good"])])
    assert f'"path": "{target}"'.lower() in answer.text.lower()
