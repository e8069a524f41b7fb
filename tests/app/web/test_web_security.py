import pytest

from app.web.security import pay_hosts


def directives(answer):
    return dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))


@pytest.mark.parametrize("path", ["/", "/nothing", "/orders/ord_1", "/v1/plans", "/v1/nothing", "/healthz"])
def test_nothing_is_allowed_unless_it_is_named(client, html, path):
    answer = client.get(path, headers=html)
    policy = directives(answer)
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_pages_run_no_scripts(client):
    assert "script-src" not in directives(client.get("/"))


def test_forms_may_lead_to_the_pay_pages(client):
    targets = directives(client.get("/"))["form-action"].split()
    assert targets == ["'self'", "https://checkout.stripe.com", "https://billing.stripe.com", "http://127.0.0.1:9999"]


def test_a_stand_in_for_stripe_serves_its_own_pay_pages(web_tollgate):
    settings = web_tollgate.settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:7000/stripe"})
    assert "http://127.0.0.1:7000" in pay_hosts(settings)


def test_only_the_documentation_runs_scripts_of_ours(client):
    assert directives(client.get("/docs"))["script-src"] == "'self'"


def test_no_page_says_where_the_reader_came_from(client):
    assert client.get("/").headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/orders/ord_1", "/v1/plans", "/docs/errors"])
def test_answers_are_not_stored(client, path):
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_plain_http_promises_no_https(client):
    assert "Strict-Transport-Security" not in client.get("/").headers


@pytest.mark.parametrize("settings_changes", [{"public_url": "https://shop.example.com"}])
def test_https_is_promised_where_we_have_it(client):
    assert client.get("/").headers["Strict-Transport-Security"] == "max-age=31536000"
