"""One decorator puts any endpoint of the same app behind the gate."""

import pytest

from app.web.gating import gate


@pytest.fixture
def client(web):
    @web.get("/plain")
    @gate
    def plain():
        return "in"

    @web.get("/dear")
    @gate(cost=2)
    def dear():
        return "in"

    @web.get("/scoped")
    @gate(scope="reports:read")
    def scoped():
        return "in"

    @web.get("/featured")
    @gate(feature="forecasts")
    def featured():
        return "in"

    @web.get("/broken")
    @gate
    def broken():
        raise RuntimeError("tg_live_secret")

    @web.get("/kept")
    @gate
    def kept():
        return "in", {"Cache-Control": "private, max-age=60"}

    return web.test_client()


@pytest.mark.parametrize(("path", "caching"), [("/plain", ["no-store"]), ("/kept", ["private, max-age=60"])])
def test_an_answer_from_behind_the_gate_is_not_stored_unless_its_owner_says_so(client, working_key, path, caching):
    assert client.get(path, headers={"X-API-Key": working_key}).headers.getlist("Cache-Control") == caching


def test_what_pages_of_ours_may_do_is_no_rule_for_answers_from_behind_the_gate(client, working_key):
    assert "Content-Security-Policy" not in client.get("/plain", headers={"X-API-Key": working_key}).headers


def test_a_bare_decorator_lets_a_paid_key_pass(client, working_key):
    assert client.get("/plain", headers={"X-API-Key": working_key}).text == "in"


@pytest.mark.parametrize("path", ["/plain", "/dear", "/scoped", "/featured"])
def test_nobody_passes_without_a_key(client, path):
    assert client.get(path).status_code == 401


def test_a_dear_endpoint_costs_more(client, small_key):
    answer = client.get("/dear", headers={"X-API-Key": small_key})
    assert answer.headers["X-RateLimit-Remaining"] == "1"


def test_a_missing_scope_is_named(client, working_key):
    answer = client.get("/scoped", headers={"X-API-Key": working_key})
    assert (answer.status_code, answer.headers["WWW-Authenticate"].partition("scope=")[2]) == (403, '"reports:read"')


def test_a_plan_without_the_feature_does_not_pass(client, working_key):
    assert client.get("/featured", headers={"X-API-Key": working_key}).json["code"] == "insufficient_scope"


def test_a_failing_view_still_tells_what_it_cost(client, working_key):
    answer = client.get("/broken", headers={"X-API-Key": working_key})
    assert (answer.status_code, "RateLimit" in answer.headers) == (500, True)


def test_a_failure_shows_nothing_of_itself(client, working_key):
    answer = client.get("/broken", headers={"X-API-Key": working_key})
    assert answer.json["code"] == "internal_error"
    assert "secret" not in answer.text
