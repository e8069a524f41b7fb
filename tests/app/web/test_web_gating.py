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
        return "in", {"Cache-Control": "max-age=60", "X-Request-Id": "somebody-elses"}

    @web.get("/data")
    @gate
    def data():
        return {"in": True}

    return web.test_client()


@pytest.mark.parametrize("path", ["/plain", "/kept", "/data"])
def test_no_cache_may_give_an_answer_to_somebody_without_a_key(client, working_key, path):
    assert client.get(path, headers={"X-API-Key": working_key}).headers.getlist("Cache-Control") == ["no-store"]


def test_an_answer_has_one_request_id_and_it_is_ours(client, working_key):
    given = client.get("/kept", headers={"X-API-Key": working_key}).headers.getlist("X-Request-Id")
    assert [name[:4] for name in given] == ["req_"]


def test_data_needs_less_protection_than_a_page(client, working_key):
    page, data = (client.get(path, headers={"X-API-Key": working_key}).headers for path in ("/plain", "/data"))
    assert ("X-Frame-Options" in page, "X-Frame-Options" in data) == (True, False)
    assert data["X-Content-Type-Options"] == "nosniff"


def test_a_page_that_says_no_has_a_pages_policies(client, html):
    answer = client.get("/nothing", headers=html)
    assert (answer.status_code, answer.mimetype, answer.headers["X-Frame-Options"]) == (404, "text/html", "DENY")


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
