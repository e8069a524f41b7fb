import re

import pytest

from app.keys import KeyOrder, create

LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def call(client, key, path="/v1/whoami", **more):
    return client.get(path, headers={"X-API-Key": key}, **more)


def post(client, key, path, body=None):
    return client.post(path, json={} if body is None else body, headers={"X-API-Key": key})


def flip(key):
    """The same key with its last character changed: the checksum is wrong now."""
    return key[:-1] + ("a" if key[-1] != "a" else "b")


@pytest.fixture
def api_key(web_tollgate):
    """A working key without scope `account`."""
    return create(web_tollgate, KeyOrder("pro", scopes=("reports:read",)), actor="test").api_key.reveal()


def test_whoami_says_what_a_key_may_do(client, working_key):
    told = call(client, working_key).json
    assert set(told) == {"key_id", "entitlement", "plan", "scopes", "features", "ends_at", "limits", "quota"}
    assert (told["plan"], told["scopes"], told["features"]) == ("pro", ["account"], ["reports"])


def test_a_bearer_key_is_as_good(client, working_key):
    assert client.get("/v1/whoami", headers={"Authorization": f"Bearer {working_key}"}).status_code == 200


def test_the_same_key_twice_is_no_ambiguity(client, working_key):
    headers = {"X-API-Key": working_key, "Authorization": f"Bearer {working_key}"}
    assert client.get("/v1/whoami", headers=headers).status_code == 200


def test_two_different_keys_are_refused(client, working_key, small_key):
    answer = client.get("/v1/whoami", headers={"X-API-Key": working_key, "Authorization": f"Bearer {small_key}"})
    assert (answer.status_code, answer.json["code"]) == (400, "ambiguous_key")


@pytest.mark.parametrize("name", ["api_key", "key", "access_token", "X-API-Key"])
def test_a_key_in_the_query_is_not_looked_at(client, working_key, name):
    answer = client.get(f"/v1/whoami?{name}={working_key}")
    assert (answer.status_code, answer.json["code"]) == (401, "missing_key")


def test_a_missing_key_is_told_how_to_come(client):
    answer = client.get("/v1/whoami")
    assert (answer.json["code"], answer.headers["WWW-Authenticate"]) == ("missing_key", 'Bearer realm="gateway"')


@pytest.mark.parametrize(
    "spoil",
    [flip, lambda _: "x", lambda key: key + "x", lambda key: key.upper(), lambda _: "\xff\xfe", lambda key: key * 50],
)
def test_a_key_that_is_not_whole_is_invalid(client, working_key, spoil):
    answer = call(client, spoil(working_key))
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_key")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gateway", error="invalid_token"'


def test_an_unpaid_key_is_sent_to_its_order(client, order):
    answer = call(client, order["api_key"])
    assert (answer.status_code, answer.json["code"], answer.json["order_url"]) == (
        402,
        "payment_required",
        order["order_url"],
    )


def test_a_key_whose_time_is_over_is_sent_to_its_order(client, order, btcpay, clock):
    btcpay.pay(at=clock.now)
    call(client, order["api_key"], f"/v1/orders/{order['id']}")
    clock.forward(days=34)
    answer = call(client, order["api_key"])
    assert (answer.status_code, answer.json["code"], answer.json["order_url"]) == (402, "ended", order["order_url"])


def test_an_ended_key_still_opens_its_order(client, order, btcpay, clock):
    btcpay.pay(at=clock.now)
    call(client, order["api_key"], f"/v1/orders/{order['id']}")
    clock.forward(days=34)
    assert call(client, order["api_key"], f"/v1/orders/{order['id']}").status_code == 200


def test_limits_are_on_every_gated_answer(client, small_key):
    answer = call(client, small_key)
    assert re.fullmatch(r'"minute";r=2;t=\d+, "burst";r=99;t=[01]', answer.headers["RateLimit"])
    assert answer.headers["RateLimit-Policy"] == '"minute";q=3;w=60, "burst";q=100;w=1'


def test_older_clients_are_told_the_tightest_window(client, small_key):
    answer = call(client, small_key)
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("3", "2")


def test_a_success_has_no_retry_after(client, working_key):
    assert "Retry-After" not in call(client, working_key).headers


def test_one_request_too_many_is_told_when_to_come_back(client, small_key):
    *_, answer = [call(client, small_key) for _ in range(4)]
    reset = int(re.search(r'"minute";r=0;t=(\d+)', answer.headers["RateLimit"])[1])
    assert (answer.status_code, int(answer.headers["Retry-After"])) == (429, reset)


def test_the_refusal_names_the_policy_that_was_violated(client, small_key):
    *_, answer = [call(client, small_key) for _ in range(4)]
    assert answer.json["violated-policies"] == ["minute"]
    assert answer.json["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert answer.json["detail"] == "3 per 60 s on plan small"


def test_a_holder_over_the_limit_can_still_revoke(client, small_key):
    for_good = [call(client, small_key) for _ in range(4)]
    answer = post(client, small_key, "/v1/keys/revoke")
    assert (for_good[-1].status_code, answer.status_code) == (429, 200)


def test_rotation_gives_a_key_that_works_and_leaves_the_old_one_its_grace(client, working_key):
    answer = post(client, working_key, "/v1/keys/rotate", {"grace_seconds": 60})
    assert set(answer.json) == {"key_id", "api_key", "previous"}
    assert [call(client, key).status_code for key in (working_key, answer.json["api_key"])] == [200, 200]


def test_rotation_without_a_body_has_a_days_grace(client, working_key, clock):
    answer = client.post("/v1/keys/rotate", headers={"X-API-Key": working_key})
    assert answer.json["previous"]["ends_at"] == f"{clock.now.replace(day=2):%Y-%m-%dT%H:%M:%SZ}"


def test_after_its_grace_the_old_key_is_revoked(client, working_key, clock):
    post(client, working_key, "/v1/keys/rotate", {"grace_seconds": 60})
    clock.forward(seconds=61)
    assert call(client, working_key).json["code"] == "revoked_key"


@pytest.fixture
def settled(client, admin, working_key, clock):
    """A key that was rotated out, its grace over, and its successor; then their entitlement was revoked."""
    new = post(client, working_key, "/v1/keys/rotate", {"grace_seconds": 60}).json["api_key"]
    place = f"/v1/admin/entitlements/{call(client, new).json['entitlement']}/revoke"
    clock.forward(seconds=61)
    assert client.post(place, json={"reason": "abuse"}, headers=admin).status_code == 200
    return working_key, new


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/v1/payments"), ("get", "/v1/usage"), ("post", "/v1/billing-portal"), ("post", "/v1/keys/revoke")],
)
def test_a_key_that_was_replaced_gets_nothing_back_by_a_revocation(client, settled, method, path):
    answer = getattr(client, method)(path, headers={"X-API-Key": settled[0]})
    assert (answer.status_code, answer.json["code"]) == (401, "revoked_key")


def test_a_living_key_of_a_revoked_entitlement_still_sees_the_account(client, settled):
    answers = [call(client, settled[1], path) for path in ("/v1/payments", "/v1/usage", "/v1/whoami")]
    assert [answer.status_code for answer in answers] == [200, 200, 401]


def test_operators_see_which_key_had_expired_before_the_revocation(client, admin, settled):
    listed = client.get("/v1/admin/keys", headers=admin).json["data"]
    assert {item["hint"][-4:]: item["status"] for item in listed} == {
        settled[0][-4:]: "expired",
        settled[1][-4:]: "revoked",
    }


def test_rotation_shares_what_is_left_of_the_limits(client, small_key):
    call(client, small_key)
    new = post(client, small_key, "/v1/keys/rotate").json["api_key"]
    assert call(client, new).json["limits"][0]["remaining"] == 1


@pytest.mark.parametrize("grace", [-1, 30 * 86400 + 1, 1.5, "60", True, None, 10**400])
def test_an_absurd_grace_is_refused(client, working_key, grace):
    answer = post(client, working_key, "/v1/keys/rotate", {"grace_seconds": grace})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_a_key_is_rotated_once(client, working_key):
    post(client, working_key, "/v1/keys/rotate")
    assert post(client, working_key, "/v1/keys/rotate").json["code"] == "not_rotatable"


def test_an_unpaid_key_is_not_rotated(client, order):
    assert post(client, order["api_key"], "/v1/keys/rotate").json["code"] == "payment_required"


def test_rotation_needs_the_account_scope(client, api_key):
    answer = post(client, api_key, "/v1/keys/rotate")
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gateway", error="insufficient_scope", scope="account"'


def test_any_key_can_end_itself(client, api_key, clock):
    assert post(client, api_key, "/v1/keys/revoke").json["status"] == "revoked"
    clock.forward(seconds=1)
    assert call(client, api_key).json["code"] == "revoked_key"


def test_an_account_key_ends_another_of_its_entitlement(client, working_key):
    new = post(client, working_key, "/v1/keys/rotate").json
    answer = post(client, working_key, "/v1/keys/revoke", {"key_id": new["key_id"]})
    assert (answer.status_code, call(client, new["api_key"]).status_code) == (200, 401)


def test_nobody_ends_a_strangers_key(client, working_key, small_key):
    stranger = call(client, small_key).json["key_id"]
    answer = post(client, working_key, "/v1/keys/revoke", {"key_id": stranger})
    assert (answer.status_code, call(client, small_key).status_code) == (404, 200)


def test_who_is_asking_is_known_before_what_is_asked(client):
    answer = client.post("/v1/keys/rotate", json={"grace_seconds": "nonsense"})
    assert answer.json["code"] == "missing_key"


def test_no_limits_are_told_to_those_who_are_refused_before_counting(client, order):
    answer = call(client, order["api_key"])
    assert not set(LIMIT_HEADERS) & set(answer.headers.keys())
