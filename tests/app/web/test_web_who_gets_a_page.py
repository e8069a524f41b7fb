"""Whoever calls an API gets problem+json whatever they say they accept; whoever reads our pages gets a page."""

import pytest
from flask import Blueprint, abort
from sqlalchemy import create_engine

from app.errors import PAGES
from app.web.gating import gate

JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"  # what its HttpURLConnection says unless told otherwise


@pytest.fixture
def api(web):
    """A client of views that are not ours; it accepts what Java does."""

    @web.get("/gated")
    @gate
    def gated():
        abort(409)

    @web.get("/broken")
    def broken():
        raise RuntimeError

    behind = Blueprint("behind", __name__)
    behind.before_request(gate(cost=5)(lambda: None))
    behind.get("/behind")(lambda: "in")
    web.register_blueprint(behind)
    client = web.test_client()
    client.environ_base |= {"HTTP_ACCEPT": JAVA}
    return client


def told(answer):
    return answer.status_code, answer.mimetype, answer.is_json and answer.json["code"]


@pytest.mark.parametrize("path", ["/gated", "/behind", "/v1/authz", "/v1/whoami"])
def test_what_the_gate_refuses_is_a_problem(api, path):
    assert told(api.get(path)) == (401, "application/problem+json", "missing_key")


def test_what_a_gate_before_everything_refuses_is_a_problem(web, html):
    web.before_request(gate(lambda: None))
    assert told(web.test_client().get("/nothing", headers=html)) == (401, "application/problem+json", "missing_key")


def test_a_gate_whose_database_is_away_says_so_in_a_problem(api, web_tollgate, working_key, tmp_path):
    web_tollgate.db.engine = create_engine(f"sqlite:///{tmp_path}/no/such/place.db")
    answer = api.get("/gated", headers={"X-API-Key": working_key})
    assert told(answer) == (503, "application/problem+json", "unavailable")


def test_what_a_gated_view_refuses_is_a_problem(api, working_key):
    answer = api.get("/gated", headers={"X-API-Key": working_key})
    assert told(answer) == (409, "application/problem+json", "invalid_request")


def test_a_view_that_fails_says_so_in_a_problem(api):
    assert told(api.get("/broken")) == (500, "application/problem+json", "internal_error")


def test_a_wrong_method_for_a_view_is_a_problem(api):
    assert told(api.post("/gated")) == (405, "application/problem+json", "invalid_request")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/nothing", 404),
        ("GET", "/buy", 405),
        ("POST", "/buy", 400),
        ("GET", "/orders/ord_1/renewal", 404),
        ("POST", "/orders/ord_1/renewals", 400),
        ("GET", "/not-mine/ord_1", 410),
    ],
)
def test_what_a_page_of_ours_refuses_is_a_page(client, html, method, path, status):
    assert told(client.open(path, method=method, headers=html)) == (status, "text/html", False)


def test_every_page_of_ours_is_known_as_one(web):
    outside = [rule.endpoint for rule in web.url_map.iter_rules() if not rule.rule.startswith("/v1/")]
    assert {endpoint.rpartition(".")[0] or endpoint for endpoint in outside} <= PAGES
