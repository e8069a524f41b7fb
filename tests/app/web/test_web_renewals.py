"""Renewals over HTTP."""

import pytest

RENEW = {"provider": "btcpay"}


@pytest.fixture
def paid_key(client, order, btcpay, clock):
    """A key whose order was just paid by bitcoin."""
    btcpay.pay(at=clock.now)
    headers = {"X-API-Key": order["api_key"]}
    client.get(f"/v1/orders/{order['id']}", headers=headers)
    return headers


def test_a_renewal_is_an_order_without_a_key(client, paid_key):
    answer = client.post("/v1/renewals", json=RENEW, headers=paid_key)
    assert (answer.status_code, answer.json["kind"], answer.json["key_id"], "api_key" in answer.json) == (
        201,
        "renewal",
        None,
        False,
    )


def test_a_preview_creates_nothing(client, paid_key, btcpay):
    answer = client.post("/v1/renewals?preview=true", json=RENEW, headers=paid_key)
    assert (answer.status_code, answer.json["amount"], answer.json["plan"], len(btcpay.opened)) == (200, 1200, "pro", 1)


def test_a_repeated_renewal_is_one_order(client, paid_key):
    headers = {**paid_key, "Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
    first, again = (client.post("/v1/renewals", json=RENEW, headers=headers) for _ in range(2))
    assert first.json["id"] == again.json["id"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"provider": "cash"}, 422, "unknown_provider"),
        ({"provider": "btcpay", "plan": "gold"}, 422, "unknown_plan"),
        ({"provider": "stripe", "plan": "team"}, 409, "not_on_sale"),
        ({"provider": "btcpay", "days": 9}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_renewed_says_why(client, paid_key, body, status, code):
    answer = client.post("/v1/renewals", json=body, headers=paid_key)
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_an_unpaid_key_pays_its_first_order_instead(client, order):
    answer = client.post("/v1/renewals", json=RENEW, headers={"X-API-Key": order["api_key"]})
    assert (answer.status_code, answer.json["code"]) == (409, "not_renewable")


def test_an_ended_key_still_renews(client, paid_key, clock):
    clock.forward(days=60)
    assert client.post("/v1/renewals", json=RENEW, headers=paid_key).status_code == 201


def test_payments_are_listed_for_their_holder(client, paid_key):
    answer = client.get("/v1/payments", headers=paid_key)
    assert [(item["amount"], item["state"], item["refunded"]) for item in answer.json["data"]] == [(1200, "paid", 0)]


def test_there_is_no_portal_for_bitcoin(client, paid_key):
    answer = client.post("/v1/billing-portal", headers=paid_key)
    assert (answer.status_code, answer.json["code"]) == (404, "no_portal")
