"""The WSGI middleware: in front of a bare application and of Django, asking over HTTP or deciding on the same database."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
from sqlalchemy import create_engine
from werkzeug.serving import make_server
from werkzeug.test import Client

from app.doors import HttpVerifier, LocalVerifier, Toll, TollgateMiddleware
from app.keys import KeyOrder, create
from keystore.usage import read_usage

TOKEN = "svc_2Rw8Kz1Qm6Xc9Vb"


def bare(environ, start_response):
    """An application without any framework: answers what it was told about the caller."""
    told = {name: value for name, value in environ.items() if name.startswith("HTTP_X_TOLLGATE_")}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"told": told, "body": body, "plan": environ.get("tollgate", {}).get("plan")}).encode()]


def django_view(request):
    told = {name: value for name, value in request.headers.items() if name.startswith("X-Tollgate-")}
    return JsonResponse({"told": told, "body": request.body.decode(), "plan": request.META["tollgate"]["plan"]})


urlpatterns = [path("reports", django_view)]


@pytest.fixture(scope="session")
def django_application():
    django_settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="for tests", LOGGING_CONFIG=None, USE_TZ=True
    )
    return get_wsgi_application()


@pytest.fixture
def settings_changes():
    return {"service_tokens": TOKEN}


@pytest.fixture
def served(web):
    """The address of a running Tollgate."""
    server = make_server("127.0.0.1", 0, web, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def http_verifier(served, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return HttpVerifier(served, TOKEN)


@pytest.fixture
def local_verifier(web_tollgate):
    verifier = LocalVerifier(web_tollgate)
    yield verifier
    verifier.close()


@pytest.fixture(params=["http", "local"])
def verifier(request):
    """Both ways to verify: each has to give the same answers."""
    return request.getfixturevalue(f"{request.param}_verifier")


@pytest.fixture
def gated(verifier):
    """A client of the bare application behind the middleware."""

    def protect(environ):
        tolls = {"/open": None, "/dear": Toll(cost=2), "/scoped": Toll(scope="reports:read"), "/huge": Toll(cost=601)}
        return tolls.get(environ["PATH_INFO"], Toll())

    return Client(TollgateMiddleware(bare, verifier=verifier, protect=protect))


def test_a_good_key_passes_with_its_identity(gated, working_key):
    answer = gated.get("/", headers={"X-API-Key": working_key})
    assert (answer.status_code, answer.json["plan"]) == (200, "pro")
    assert {name: answer.json["told"][name] for name in ("HTTP_X_TOLLGATE_PLAN", "HTTP_X_TOLLGATE_SCOPES")} == {
        "HTTP_X_TOLLGATE_PLAN": "pro",
        "HTTP_X_TOLLGATE_SCOPES": "account",
    }


def test_the_answer_says_what_is_left(gated, working_key):
    answer = gated.get("/dear", headers={"Authorization": f"Bearer {working_key}"})
    assert answer.headers["X-RateLimit-Remaining"] == "598"
    assert answer.headers["RateLimit-Policy"] == '"minute";q=600;w=60'


def test_a_body_reaches_the_application_untouched(gated, working_key):
    answer = gated.post("/", data="{not json", headers={"X-API-Key": working_key})
    assert answer.json["body"] == "{not json"


@pytest.mark.parametrize("url", ["/", "/open"])
def test_what_a_client_says_of_itself_is_thrown_away(gated, working_key, url):
    forged = {"X-Tollgate-Owner": "cus_other", "X-Tollgate-Admin": "yes", "X_Tollgate_Key_Id": "key_other"}
    told = gated.get(url, headers={"X-API-Key": working_key, **forged}).json["told"]
    assert "HTTP_X_TOLLGATE_ADMIN" not in told
    assert not {"cus_other", "key_other"} & set(told.values())


def test_an_open_route_needs_no_key_and_tells_of_none(gated):
    answer = gated.get("/open")
    assert (answer.status_code, answer.json["told"]) == (200, {})


@pytest.mark.parametrize(
    ("url", "headers", "status", "code"),
    [
        ("/", {}, 401, "missing_key"),
        ("/?api_key=tg_test_x", {"Cookie": "api_key=tg_test_x"}, 401, "missing_key"),
        ("/", {"X-API-Key": "clé"}, 401, "invalid_key"),
        ("/", {"X-API-Key": "a", "Authorization": "Bearer b"}, 400, "ambiguous_key"),
        ("/", {"X-API-Key": "a,b"}, 400, "ambiguous_key"),  # two headers, as a server hands them on
    ],
)
def test_without_a_key_nobody_passes(gated, url, headers, status, code):
    answer = gated.get(url, headers=headers)
    assert (answer.status_code, answer.mimetype, answer.json["code"]) == (status, "application/problem+json", code)


def test_an_unpaid_key_is_told_where_to_pay(gated, order):
    answer = gated.get("/", headers={"X-API-Key": order["api_key"]})
    assert (answer.status_code, answer.json["order_url"]) == (402, order["order_url"])


def test_a_missing_scope_is_named(gated, working_key):
    answer = gated.get("/scoped", headers={"X-API-Key": working_key})
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")
    assert 'scope="reports:read"' in answer.headers["WWW-Authenticate"]


def test_a_cost_that_no_window_could_hold_is_forbidden(gated, working_key):
    answer = gated.get("/huge", headers={"X-API-Key": working_key})
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")


def test_a_full_window_is_told_with_when_to_come_back(gated, small_key):
    answer = [gated.get("/dear", headers={"X-API-Key": small_key}) for _ in range(2)][-1]
    assert (answer.status_code, answer.json["violated-policies"]) == (429, ["minute"])
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_refusal_of_a_head_request_has_no_body(gated):
    answer = gated.head("/")
    assert (answer.status_code, answer.data) == (401, b"")


@pytest.mark.parametrize(("key", "status"), [("working_key", 200), ("small_key", 200), ("order_key", 402)])
def test_django_stands_behind_the_gate(django_application, verifier, request, order, key, status):
    keys = {name: request.getfixturevalue(name) for name in ("working_key", "small_key")} | {
        "order_key": order["api_key"]
    }
    django = Client(TollgateMiddleware(django_application, verifier=verifier))
    assert django.get("/reports", headers={"X-API-Key": keys[key]}).status_code == status


def test_django_sees_who_is_calling(django_application, verifier, web_tollgate):
    new = create(web_tollgate, KeyOrder("pro"), actor="test")
    django = Client(TollgateMiddleware(django_application, verifier=verifier))
    headers = {"X-API-Key": new.api_key.reveal(), "X-Tollgate-Key-Id": "forged"}
    answer = django.post("/reports", data="body", headers=headers)
    assert (answer.json["told"]["X-Tollgate-Key-Id"], answer.json["plan"], answer.json["body"]) == (
        new.key_id,
        "pro",
        "body",
    )


def test_a_database_that_is_away_lets_nobody_pass(local_verifier, web_tollgate, working_key, tmp_path):
    client = Client(TollgateMiddleware(bare, verifier=local_verifier))
    web_tollgate.db.engine = create_engine(f"sqlite:///{tmp_path}/no/such/place.db")
    assert client.get("/", headers={"X-API-Key": working_key}).status_code == 503


def test_what_passed_here_is_written_down(web_tollgate, local_verifier, small_key):
    key_id = local_verifier.verify(small_key, Toll(cost=2))["key_id"]
    local_verifier.close()
    with web_tollgate.db.read() as session:
        days = read_usage(session, [key_id], since=web_tollgate.clock().date())
    assert [day.requests for day in days] == [2]


def test_the_middleware_loads_without_flask():
    program = "import sys, app.doors; print([name for name in ('flask', 'werkzeug') if name in sys.modules])"
    root = Path(__file__).parents[3]
    loaded = subprocess.run([sys.executable, "-c", program], cwd=root, check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"
