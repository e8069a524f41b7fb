"""Quotas and usage on the wire."""

import re
from dataclasses import replace

import pytest

from app.keys import KeyOrder, create
from keystore.plans import Plan, Quota, Rate

SERVICE = {"Authorization": "Bearer svc_3Jd8Kq2Wn7Rx5Tz9Lm"}


@pytest.fixture
def settings_changes(settings_changes):
    return {**settings_changes, "service_tokens": SERVICE["Authorization"].removeprefix("Bearer ")}


@pytest.fixture
def web_tollgate(web_tollgate):
    """`few`: three requests in a paid period."""
    few = Plan("few", "Few", (Rate("minute", 600, 60),), Quota(3))
    return replace(
        web_tollgate, catalog=replace(web_tollgate.catalog, plans={**web_tollgate.catalog.plans, "few": few})
    )


@pytest.fixture
def few_key(web_tollgate):
    return create(web_tollgate, KeyOrder("few", term_days=30), actor="test").api_key.reveal()


@pytest.fixture
def call(client):
    return lambda key, path="/v1/whoami": client.get(path, headers={"X-API-Key": key})


def test_whoami_says_what_is_left_of_the_quota(call, few_key):
    assert call(few_key).json["quota"] == {"limit": 3, "remaining": 2, "reset": 30 * 86400}


def test_whoami_says_nothing_where_there_is_none(call, working_key):
    assert call(working_key).json["quota"] is None


def test_the_quota_is_one_of_the_limits_in_the_headers(call, few_key):
    answer = call(few_key)

    assert re.fullmatch(r'"minute";r=599;t=\d+, "quota";r=2;t=2592000', answer.headers["RateLimit"])
    assert answer.headers["RateLimit-Policy"] == '"minute";q=600;w=60, "quota";q=3;w=2592000'


def test_a_used_up_quota_is_a_429_of_its_own(call, few_key):
    *_, answer = [call(few_key) for _ in range(4)]

    assert (answer.status_code, answer.json["code"], answer.json["violated-policies"]) == (
        429,
        "quota_exceeded",
        ["quota"],
    )
    assert answer.headers["Retry-After"] == str(30 * 86400)


def test_a_used_up_quota_says_when_the_period_ends(call, few_key):
    *_, answer = [call(few_key) for _ in range(4)]

    assert answer.json["detail"] == "3 per paid period on plan few; this one ends at 2026-12-01T12:00:00Z"


def test_usage_shows_limits_quota_and_days(call, web, few_key):
    answers = [call(few_key) for _ in range(4)]
    web.extensions["gate"].usage.flush()
    told = call(few_key, "/v1/usage").json

    assert (len(answers), told["plan"], told["limits"][0]["remaining"]) == (4, "few", 597)
    assert told["quota"] == {"limit": 3, "remaining": 0, "reset": 30 * 86400}
    assert told["keys"][0]["days"] == [{"day": "2026-11-01", "requests": 3, "refused": 1}]


def test_asking_for_usage_is_not_counted(call, few_key):
    told = [call(few_key, "/v1/usage").json["quota"]["remaining"] for _ in range(5)]

    assert told == [3] * 5


def test_usage_goes_back_thirty_days(call, web, clock, working_key):
    call(working_key)
    web.extensions["gate"].usage.flush()
    clock.forward(days=29)
    last = call(working_key, "/v1/usage").json["keys"][0]["days"]
    clock.forward(days=1)

    assert (len(last), call(working_key, "/v1/usage").json["keys"][0]["days"]) == (1, [])


def test_a_key_to_the_account_sees_its_siblings(call, client, working_key):
    client.post("/v1/keys/rotate", json={}, headers={"X-API-Key": working_key})

    assert len(call(working_key, "/v1/usage").json["keys"]) == 2


def test_a_key_for_calling_sees_itself(call, client, admin, web_tollgate):
    new = create(web_tollgate, KeyOrder("pro", scopes=("reports:read",)), actor="test")
    client.post(f"/v1/admin/keys/{new.key_id}/rotate", json={}, headers=admin)

    assert [key["key_id"] for key in call(new.api_key.reveal(), "/v1/usage").json["keys"]] == [new.key_id]


def test_a_key_that_is_not_paid_has_nothing_to_spend(call, order):
    told = call(order["api_key"], "/v1/usage").json

    assert (told["limits"], told["quota"], told["keys"][0]["days"]) == ([], None, [])


def test_nobody_sees_usage_without_a_key(client):
    assert client.get("/v1/usage").status_code == 401


def test_verify_tells_what_is_left_of_the_quota(client, few_key):
    told = [client.post("/v1/keys/verify", json={"key": few_key}, headers=SERVICE).json for _ in range(4)]

    assert told[0]["quota"] == {"limit": 3, "remaining": 2, "reset": 30 * 86400, "window": 30 * 86400}
    assert (told[3]["valid"], told[3]["code"]) == (False, "QUOTA_EXCEEDED")
