import uuid

import pytest

UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324"
BODY = {"plan": "pro", "provider": "stripe"}
ANSWER = {
    "id", "status", "plan", "provider", "amount", "currency", "checkout_url", "expires_at",
    "api_key", "key_id", "order_url", "attention",
}  # fmt: skip


def test_an_order_answers_with_a_key_and_a_place_to_pay(client):
    answer = client.post("/v1/orders", json=BODY)
    assert (answer.status_code, set(answer.json)) == (201, ANSWER)
    assert answer.json["checkout_url"].startswith("https://pay.example/")


def test_the_answer_with_a_key_is_never_cached(client):
    answer = client.post("/v1/orders", json=BODY)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_new_order_says_where_it_can_be_read(client):
    answer = client.post("/v1/orders", json=BODY)
    assert answer.headers["Location"] == f"/v1/orders/{answer.json['id']}"


def test_links_come_from_the_settings_and_not_from_the_host_header(client):
    answer = client.post("/v1/orders", json=BODY, headers={"Host": "evil.example"})
    assert answer.json["order_url"].startswith("http://127.0.0.1:8000/orders/ord_")


@pytest.mark.parametrize("key", [UUID, f'"{UUID}"'])
def test_a_repeated_request_gives_the_same_order_and_key(client, key):
    first, again = (client.post("/v1/orders", json=BODY, headers={"Idempotency-Key": key}).json for _ in range(2))
    assert first == again


def test_quoted_and_bare_idempotency_keys_are_the_same(client):
    bare = client.post("/v1/orders", json=BODY, headers={"Idempotency-Key": UUID}).json
    quoted = client.post("/v1/orders", json=BODY, headers={"Idempotency-Key": f'"{UUID}"'}).json
    assert bare["id"] == quoted["id"]


def test_the_same_idempotency_key_for_something_else_is_refused(client):
    client.post("/v1/orders", json=BODY, headers={"Idempotency-Key": UUID})
    answer = client.post(
        "/v1/orders", json={**BODY, "plan": "team", "provider": "btcpay"}, headers={"Idempotency-Key": UUID}
    )
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("key", ["1", "order-1", "a" * 40, "ü" * 40, " ", "00000000-0000-0000-0000-000000000000"])
def test_an_idempotency_key_that_could_be_guessed_is_refused(client, key):
    answer = client.post("/v1/orders", json=BODY, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_a_refused_idempotency_key_is_not_repeated_to_anybody(client):
    answer = client.post("/v1/orders", json=BODY, headers={"Idempotency-Key": "guess-me"})
    assert "guess-me" not in answer.text


def test_the_holder_reads_the_order_before_it_is_paid(client, order):
    answer = client.get(f"/v1/orders/{order['id']}", headers={"X-API-Key": order["api_key"]})
    assert set(answer.json) == (ANSWER - {"api_key"}) | {"paid_at", "amount_due", "checkouts"}
    assert answer.json["checkouts"][0]["provider"] == "btcpay"


def test_reading_an_order_asks_the_provider(client, order, btcpay, clock):
    btcpay.pay(at=clock.now)
    answer = client.get(f"/v1/orders/{order['id']}", headers={"X-API-Key": order["api_key"]})
    assert (answer.json["status"], answer.json["amount_due"]) == ("paid", 0)


@pytest.mark.parametrize(
    "path", ["/v1/orders/{id}", "/v1/orders/ord_doesnotexist", "/v1/orders/ord_%00", "/v1/orders/%ff"]
)
def test_somebody_elses_order_looks_like_none_at_all(client, order, working_key, path):
    answer = client.get(path.format(**order), headers={"X-API-Key": working_key})
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_an_order_without_a_key_is_refused(client, order):
    assert client.get(f"/v1/orders/{order['id']}").json["code"] == "missing_key"


def test_the_same_order_can_be_paid_on_the_other_rail(client, order):
    path = f"/v1/orders/{order['id']}/checkouts"
    answer = client.post(path, json={"provider": "stripe"}, headers={"X-API-Key": order["api_key"]})
    assert (answer.status_code, {item["provider"] for item in answer.json["checkouts"]}) == (201, {"btcpay", "stripe"})


def test_nobody_else_opens_checkouts_for_an_order(client, order, working_key):
    path = f"/v1/orders/{order['id']}/checkouts"
    answer = client.post(path, json={"provider": "stripe"}, headers={"X-API-Key": working_key})
    assert answer.status_code == 404


def test_a_paid_order_takes_no_more_checkouts(client, order, btcpay, clock):
    btcpay.pay(at=clock.now)
    headers = {"X-API-Key": order["api_key"]}
    client.get(f"/v1/orders/{order['id']}", headers=headers)
    answer = client.post(f"/v1/orders/{order['id']}/checkouts", json={"provider": "stripe"}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (409, "order_closed")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"plan": "gold"}, 422, "unknown_plan"),
        ({"provider": "cash"}, 422, "unknown_provider"),
        ({"plan": "team", "provider": "stripe"}, 409, "not_on_sale"),
        ({"success_url": "https://evil.example/thanks"}, 422, "foreign_return_url"),
        ({"cancel_url": "http://127.0.0.1:8000@evil.example/"}, 422, "foreign_return_url"),
        ({"success_url": "javascript:alert(1)"}, 422, "foreign_return_url"),
        ({"email": "not an address"}, 422, "invalid_request"),
        ({"email": "a@b"}, 422, "invalid_request"),
        ({"email": "a" * 250 + "@example.com"}, 422, "invalid_request"),
        ({"email": "a\x00@example.com"}, 422, "invalid_request"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, 422, "invalid_request"),
        ({"email": "\ud800@example.com"}, 422, "invalid_request"),
        ({"plan": 7}, 422, "invalid_request"),
        ({"plan": None}, 422, "invalid_request"),
        ({"plan": ""}, 422, "invalid_request"),
        ({"plan": "pro\x00"}, 422, "invalid_request"),
        ({"plan": ["pro"]}, 422, "invalid_request"),
        ({"locale": "../../etc"}, 422, "invalid_request"),
        ({"amount": 1}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_bought_is_refused(client, rows_of_orders, change, status, code):
    answer = client.post("/v1/orders", json={**BODY, **change})
    assert (answer.status_code, answer.json["code"], answer.mimetype) == (status, code, "application/problem+json")
    assert rows_of_orders() == []


def test_every_wrong_field_is_named_at_once(client):
    answer = client.post("/v1/orders", json={"provider": 1, "email": "x", "card_number": "4242"})
    assert {item["pointer"] for item in answer.json["errors"]} == {"/plan", "/provider", "/email", "/card_number"}


def test_a_refusal_does_not_repeat_what_was_sent(client):
    answer = client.post("/v1/orders", json={**BODY, "email": "tg_live_secret", "extra": {"secret": "hunter2"}})
    assert "tg_live_secret" not in answer.text
    assert "hunter2" not in answer.text


def test_a_provider_that_is_down_leaves_an_order_that_can_be_resumed(client, btcpay):
    from providers.base import Unavailable

    key = {"Idempotency-Key": str(uuid.uuid4())}
    btcpay.on_open = lambda: (_ for _ in ()).throw(Unavailable("down"))
    failed = client.post("/v1/orders", json={"plan": "pro", "provider": "btcpay"}, headers=key)
    btcpay.on_open = lambda: None
    resumed = client.post("/v1/orders", json={"plan": "pro", "provider": "btcpay"}, headers=key)
    assert (failed.status_code, failed.json["code"], "Retry-After" in failed.headers) == (
        503,
        "provider_unavailable",
        True,
    )
    assert resumed.json["id"] == failed.json["order_id"]


def test_a_provider_that_refuses_is_a_bad_gateway(client, btcpay):
    from providers.base import Refused

    btcpay.on_open = lambda: (_ for _ in ()).throw(Refused("missing permission"))
    answer = client.post("/v1/orders", json={"plan": "pro", "provider": "btcpay"})
    assert (answer.status_code, answer.json["code"]) == (502, "provider_unavailable")
