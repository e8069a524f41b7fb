"""What arrives is refused before anybody believes it, and the refusal is always problem+json."""

from io import BytesIO

import pytest

from app.web.reading import API_BODY, WEBHOOK_BODY

JSON = {"Content-Type": "application/json"}
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "doc_url", "request_id"}


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"null", b"[]", b'"{}"', b"1", b"\xff\xfe", b'{"plan": "\xff"}', '{"plan": "pro"}'.encode("utf-16"),
        b"[" * 30_000, b'{"a":' * 10_000, b'{"plan": NaN}', b'{"plan": Infinity}', b'{"plan": ' + b"9" * 5_000 + b"}", b"\x00",
    ],
)  # fmt: skip
def test_what_is_not_a_json_object_is_malformed(client, body):
    answer = client.post("/v1/orders", data=body, headers=JSON)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_only_json_is_taken(client, kind):
    answer = client.post("/v1/orders", data=b'{"plan": "pro"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json["code"]) == (415, "invalid_request")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/merge-patch+json"])
def test_json_may_say_more_about_itself(client, kind):
    answer = client.post("/v1/orders", data=b'{"plan": "pro", "provider": "stripe"}', headers={"Content-Type": kind})
    assert answer.status_code == 201


def test_an_empty_body_is_an_empty_object(client):
    answer = client.post("/v1/orders")
    assert (answer.status_code, answer.json["param"]) == (422, "plan")


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/admin/keys"])
def test_a_megabyte_is_too_much(client, admin, path):
    answer = client.post(path, data=b'{"plan": "' + b"a" * 2**20 + b'"}', headers={**JSON, **admin})
    assert (answer.status_code, answer.json["code"]) == (413, "invalid_request")


def test_a_large_webhook_is_read_before_it_is_judged(client):
    answer = client.post("/v1/webhooks/stripe", data=b"x" * 300_000)
    assert answer.json["code"] == "bad_signature"


def test_no_webhook_is_larger_than_a_megabyte(client):
    assert client.post("/v1/webhooks/stripe", data=b"x" * (2**20 + 1)).status_code == 413


def in_chunks(body):
    """Of a length that nobody told, from a server that sees where it ends."""
    said = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    return {"environ_overrides": {"wsgi.input": body, "wsgi.input_terminated": True, **said}}


def object_of(size):
    return BytesIO(b'{"plan": "nope", "provider": "stripe"}'.ljust(size) + b"{")


class Broken:
    """A body that gunicorn finds to be in no chunks, by its own exceptions."""

    def read(self, _size):
        raise LookupError("Invalid chunk size: b'zz'")


@pytest.mark.parametrize(
    ("path", "size"),
    [("/v1/orders", API_BODY), ("/v1/orders", API_BODY + 70_000), ("/v1/webhooks/stripe", WEBHOOK_BODY)],
)
def test_what_does_not_say_how_large_it_is_may_be_no_larger(client, path, size):
    answer = client.post(path, headers=JSON, **in_chunks(object_of(size)))
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_a_form_that_does_not_say_how_large_it_is_may_be_no_larger(client):
    body = BytesIO(b"key=" + b"a" * API_BODY)
    answer = client.post("/recover", content_type="application/x-www-form-urlencoded", **in_chunks(body))
    assert answer.status_code == 413


def test_what_is_just_not_too_large_is_read_to_its_end(client):
    answer = client.post("/v1/orders", headers=JSON, **in_chunks(object_of(API_BODY - 1)))
    assert (answer.status_code, answer.json["detail"]) == (
        400,
        "the body is not JSON in UTF-8, or is nested too deeply",
    )


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/webhooks/stripe"])
def test_what_arrives_in_no_order_is_malformed(client, caplog, path):
    answer = client.post(path, headers=JSON, **in_chunks(Broken()))
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_webhook_is_acknowledged(client, order, btcpay, clock, notify):
    note = notify(btcpay.pay(at=clock.now), account="Store1")
    answer = client.post("/v1/webhooks/btcpay", data=note.body, headers=note.headers)
    assert (answer.status_code, answer.json) == (200, {"received": True, "state": "applied"})


def test_a_forged_webhook_changes_nothing(client, order, btcpay, clock, notify):
    note = notify(btcpay.pay(at=clock.now))
    answer = client.post("/v1/webhooks/btcpay", data=note.body, headers={"signature": "forged"})
    assert (answer.status_code, answer.json["code"]) == (400, "bad_signature")
    assert client.get("/v1/whoami", headers={"X-API-Key": order["api_key"]}).status_code == 402


@pytest.mark.parametrize("name", ["paypal", "stripe%00", "STRIPE", "..%2Fadmin"])
def test_a_webhook_of_nobody_is_not_found(client, name):
    assert client.post(f"/v1/webhooks/{name}", data=b"{}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/v1/nothing", 404), ("get", "/v1/orders", 405), ("delete", "/v1/plans", 405), ("post", "/nothing", 404)],
)
def test_even_the_frameworks_refusals_are_problems(client, method, path, status):
    answer = getattr(client, method)(path)
    assert (answer.status_code, answer.mimetype, set(answer.json)) == (status, "application/problem+json", MEMBERS)


@pytest.mark.parametrize("path", ["/v1//authz", "//v1/authz", "/v1/authz//", "/static//app.css"])
def test_nobody_is_sent_on_to_another_address_with_the_key(client, path):
    answer = client.get("http://127.0.0.1" + path, query_string={"key": "tg_test_secret"})
    assert (answer.status_code, "Location" in answer.headers) == (404, False)


def test_a_wrong_method_is_told_the_right_ones(client):
    assert "POST" in client.get("/v1/orders").headers["Allow"]


def test_no_page_is_shown_under_v1(client, html):
    assert client.get("/v1/nothing", headers=html).mimetype == "application/problem+json"


def test_a_browser_gets_a_page(client, html):
    answer = client.get("/nothing", headers=html)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_the_request_id_is_the_one_in_the_header(client):
    answer = client.get("/v1/nothing", headers={"X-Request-Id": "req_from-our-proxy-0001"})
    assert answer.json["request_id"] == answer.headers["X-Request-Id"] == "req_from-our-proxy-0001"


def test_the_type_of_a_problem_can_be_read(client):
    url, _, code = client.get("/v1/nothing").json["type"].partition("#")
    page = client.get(url.removeprefix("http://127.0.0.1:8000"))
    assert f'id="{code}"' in page.text


def test_anonymous_endpoints_are_limited_per_address(client):
    answers = [client.post("/v1/orders").status_code for _ in range(121)]
    assert (set(answers[:120]), answers[120]) == ({422}, 429)


def test_another_address_has_a_limit_of_its_own(client):
    [client.post("/v1/orders") for _ in range(121)]
    answer = client.post("/v1/orders", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.status_code == 422


def test_a_forwarded_address_of_a_stranger_is_not_believed(client):
    answers = [client.post("/v1/orders", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(121)]
    assert answers[120] == 429


@pytest.mark.parametrize("settings_changes", [{"trusted_proxies": "127.0.0.1"}])
def test_a_forwarded_address_of_a_trusted_proxy_counts(client):
    answers = [client.post("/v1/orders", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(121)]
    assert answers[120] == 422
