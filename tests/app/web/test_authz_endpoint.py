"""/v1/authz: a proxy asks whether the request in its hands may pass."""

import json

import pytest
from sqlalchemy import create_engine

from app.keys import KeyOrder, create, revoke

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NGINX = "/v1/authz?mode=nginx"


@pytest.fixture
def ask(client):
    """Forward a request's headers; the answer."""

    def _ask(key=None, url="/v1/authz", method="GET", **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()} | ({"X-API-Key": key} if key else {})
        return client.open(url, method=method, headers=given)

    return _ask


@pytest.fixture
def refused_keys(web_tollgate, order, small_key, client):
    """A key for each refusal, by code."""
    revoked = create(web_tollgate, KeyOrder("pro"), actor="test")
    revoke(web_tollgate, revoked.key_id, actor="test")
    for _ in range(3):
        client.get("/v1/authz", headers={"X-API-Key": small_key})
    return {
        "missing_key": None,
        "invalid_key": "tg_test_nothing",
        "revoked_key": revoked.api_key.reveal(),
        "payment_required": order["api_key"],
        "rate_limited": small_key,
    }


def test_a_good_key_passes_with_its_identity(ask, web_tollgate):
    new = create(web_tollgate, KeyOrder("pro", scopes=("account", "reports:read")), actor="test")
    answer = ask(new.api_key.reveal())
    told = {name: value for name, value in answer.headers if name.startswith("X-Tollgate-")}
    assert (answer.status_code, answer.data) == (200, b"")
    assert told == {
        "X-Tollgate-Key-Id": new.key_id,
        "X-Tollgate-Entitlement": told["X-Tollgate-Entitlement"],
        "X-Tollgate-Owner": told["X-Tollgate-Owner"],
        "X-Tollgate-Plan": "pro",
        "X-Tollgate-Scopes": "account reports:read",
        "X-Tollgate-Features": "reports",
    }


def test_a_pass_says_what_is_left(ask, working_key):
    answer = ask(working_key)
    assert answer.headers["X-RateLimit-Remaining"] == "599"
    assert answer.headers["RateLimit-Policy"] == '"minute";q=600;w=60'


@pytest.mark.parametrize("method", METHODS)
def test_any_method_may_ask_and_is_counted(ask, working_key, method):
    assert ask(working_key, method=method).headers["X-RateLimit-Remaining"] == "599"


def test_a_bearer_key_passes(ask, working_key):
    assert ask(Authorization=f"Bearer {working_key}").status_code == 200


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("missing_key", 401),
        ("invalid_key", 401),
        ("revoked_key", 401),
        ("payment_required", 402),
        ("rate_limited", 429),
    ],
)
def test_a_refusal_has_its_true_status_and_problem(ask, refused_keys, code, status):
    answer = ask(refused_keys[code])
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert (answer.json["code"], answer.json["status"]) == (code, status)


@pytest.mark.parametrize(
    ("code", "status", "seen"),
    [
        ("missing_key", 401, 401),
        ("invalid_key", 401, 401),
        ("revoked_key", 401, 401),
        ("payment_required", 402, 403),
        ("rate_limited", 429, 403),
    ],
)
def test_nginx_sees_only_what_it_understands_and_is_told_the_truth(ask, refused_keys, code, status, seen):
    answer = ask(refused_keys[code], NGINX)
    assert (answer.status_code, answer.headers["X-Tollgate-Status"]) == (seen, str(status))
    assert (answer.headers["X-Tollgate-Code"], json.loads(answer.headers["X-Tollgate-Problem"])["code"]) == (code, code)


def test_nginx_is_told_when_to_come_back(ask, refused_keys):
    answer = ask(refused_keys["rate_limited"], NGINX)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_good_key_passes_nginx_too(ask, working_key):
    answer = ask(working_key, NGINX)
    assert (answer.status_code, answer.headers["X-Tollgate-Plan"]) == (200, "pro")
    assert "X-Tollgate-Status" not in answer.headers


@pytest.mark.parametrize("url", ["/v1/authz", NGINX])
def test_where_nobody_can_tell_it_is_a_503_and_no_judgement(ask, web_tollgate, working_key, tmp_path, url):
    web_tollgate.db.engine = create_engine(f"sqlite:///{tmp_path}/no/such/place.db")
    answer = ask(working_key, url)
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
    assert "X-Tollgate-Status" not in answer.headers


@pytest.mark.parametrize("method", ["PROPFIND", "LOCK", "QUERY", "TRACE"])
def test_a_method_of_others_passes_nobody(ask, working_key, method):
    assert ask(working_key, method=method).status_code == 405


def test_an_unpaid_key_is_told_where_to_pay(ask, order):
    assert ask(order["api_key"]).json["order_url"] == order["order_url"]


def test_two_different_keys_are_refused(ask, working_key):
    answer = ask(working_key, Authorization="Bearer other")
    assert (answer.status_code, answer.json["code"]) == (400, "ambiguous_key")


def test_a_missing_key_is_asked_for(ask):
    assert ask().headers["WWW-Authenticate"] == 'Bearer realm="gateway"'


@pytest.mark.parametrize("query", ["scope=reports:read", "scope=account+reports:read", "feature=forecasts", "cost=601"])
def test_what_the_route_asks_and_the_key_lacks_is_forbidden(ask, working_key, query):
    answer = ask(working_key, f"/v1/authz?{query}")
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")
    assert ask(working_key).headers["X-RateLimit-Remaining"] == "599"


def test_a_lacking_scope_is_named(ask, working_key):
    answer = ask(working_key, "/v1/authz?scope=reports:read")
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer realm="gateway", error="insufficient_scope", scope="reports:read"'
    )


def test_the_route_has_its_cost(ask, working_key):
    assert ask(working_key, "/v1/authz?cost=5&scope=account&feature=reports").headers["X-RateLimit-Remaining"] == "595"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("cost=0", "cost"),
        ("cost=-1", "cost"),
        ("cost=", "cost"),
        ("cost=x", "cost"),
        ("cost=99999999999999", "cost"),
        ("scope=", "scope"),
        ("scope=%22", "scope"),
        ("scope=%0d%0aX-Evil:1", "scope"),
        ("feature=", "feature"),
        ("mode=apache", "mode"),
        ("cost=%ff", "cost"),
        ("costs=5", "costs"),
        ("mode=nginx2&Scope=reports:read", "Scope"),
        ("cost=1&scopes=reports:read", "scopes"),
        ("FEATURES=forecasts", "FEATURES"),
        ("scop=reports:read", "scop"),
        ("cots=5", "cots"),
        ("feat=reports", "feat"),
        ("featrue=reports", "featrue"),
        ("scope[]=reports:read", "scope[]"),
        ("scope%20=reports:read", "scope "),
        ("a&" * 60, "query"),
    ],
)
def test_senseless_terms_let_nobody_pass(ask, working_key, query, name):
    answer = ask(working_key, f"/v1/authz?{query}")
    assert (answer.status_code, answer.json["param"]) == (422, name)
    assert ask(working_key).headers["X-RateLimit-Remaining"] == "599"


def test_senseless_terms_are_told_to_nginx_in_its_way(ask, working_key):
    answer = ask(working_key, f"{NGINX}&cost=0")
    assert (answer.status_code, answer.headers["X-Tollgate-Status"]) == (403, "422")


def test_a_query_that_a_client_appended_changes_nothing(ask, working_key):
    answer = ask(working_key, "/v1/authz?cost=5&cost=1&key=x&unknown=1&code=1&page=1&q=scope")
    assert answer.headers["X-RateLimit-Remaining"] == "595"


def test_a_key_in_the_forwarded_query_is_not_looked_at(ask, working_key):
    answer = ask(None, f"/v1/authz?key={working_key}&api_key={working_key}", X_Forwarded_Uri=f"/?api_key={working_key}")
    assert answer.json["code"] == "missing_key"


@pytest.mark.parametrize("key", ["working_key", None])
def test_forged_forwarding_headers_change_nothing(ask, request, key):
    given = request.getfixturevalue(key) if key else None
    forged = {
        "X_Forwarded_For": "127.0.0.1, 10.0.0.1",
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Proto": "gopher",
        "X_Forwarded_Method": "OPTIONS",
        "X_Forwarded_Uri": "/healthz",
        "X_Original_Url": "/public",
        "X_Tollgate_Plan": "enterprise",
        "Forwarded": "for=127.0.0.1;host=evil.example",
    }
    plain, answer = ask(given), ask(given, **forged)
    assert (plain.status_code, plain.headers.get("X-Tollgate-Plan")) == (
        answer.status_code,
        answer.headers.get("X-Tollgate-Plan"),
    )
    assert "evil" not in f"{answer.headers}{answer.text}"


def test_words_that_no_header_can_hold_are_encoded(ask, web_tollgate, working_key):
    plans = web_tollgate.catalog.plans
    plans["pro"] = type(plans["pro"])("pro", "Pro", features=("prévisions", "two words", "a\r\nX-Evil: 1"))
    features = ask(working_key).headers["X-Tollgate-Features"]
    assert features == "pr%C3%A9visions two%20words a%0D%0AX-Evil:%201"


def test_a_refusal_never_shows_the_key(ask, working_key):
    answer = ask(working_key + "0", NGINX)
    assert working_key not in f"{answer.headers}{answer.text}"
