"""POST /v1/keys/verify: a service asks about a key, and is told everything it needs to act on it."""

import io

import pytest

from app.doors.answers import CODES, VerifyOut
from app.gate import Outcome
from app.keys import KeyChanges, KeyOrder, create, patch, revoke, rotate
from keystore.models import ApiKey, Entitlement

TOKEN = "svc_2Rw8Kz1Qm6Xc9Vb"
OTHER = "svc_5Hj7Lp4Sd0Gf7Ny"
SHAPED_WRONG = "tg_test_4fJk00000000_notakey"


@pytest.fixture
def settings_changes():
    return {"service_tokens": f"{OTHER},{TOKEN}"}


@pytest.fixture
def ask(client):
    """Ask about a key; the answer's JSON."""

    def _ask(key, **more):
        answer = client.post("/v1/keys/verify", json={"key": key, **more}, headers={"Authorization": f"Bearer {TOKEN}"})
        return answer.json

    return _ask


@pytest.fixture
def new_key(web_tollgate):
    def _new_key(**fields):
        return create(web_tollgate, KeyOrder(**{"plan": "pro", **fields}), actor="test")

    return _new_key


def test_a_good_key_is_told_with_all_it_may_do(ask, new_key, rows):
    answer = ask(new_key(term_days=30, scopes=("account", "reports:read")).api_key.reveal())
    key, entitlement = rows(ApiKey)[0], rows(Entitlement)[0]
    assert answer == {
        "valid": True,
        "code": "VALID",
        "key_id": key.id,
        "entitlement": entitlement.id,
        "owner": entitlement.owner,
        "plan": "pro",
        "scopes": ["account", "reports:read"],
        "features": ["reports"],
        "ends_at": "2026-12-01T12:00:00Z",
        "limits": [answer["limits"][0]],
        "quota": None,
        "problem": None,
    }


def test_the_windows_say_what_is_left(ask, working_key):
    window = ask(working_key)["limits"][0]
    assert {name: window[name] for name in ("name", "limit", "remaining", "window")} == {
        "name": "minute",
        "limit": 600,
        "remaining": 599,
        "window": 60,
    }
    assert 1 <= window["reset"] <= 60


def test_a_key_without_an_end_has_none(ask, working_key):
    assert ask(working_key)["ends_at"] is None


@pytest.mark.parametrize("key", ["", "x", SHAPED_WRONG, "clé", "\ud800", "a" * 60_000])
def test_what_is_no_key_of_ours_is_not_found(ask, key):
    answer = ask(key)
    assert (answer["valid"], answer["code"], answer["key_id"]) == (False, "NOT_FOUND", None)


def test_an_unpaid_key_has_to_be_paid(ask, order):
    answer = ask(order["api_key"])
    assert (answer["code"], answer["problem"]["order_url"]) == ("PAYMENT_REQUIRED", order["order_url"])


def test_a_revoked_key_is_revoked(ask, new_key, web_tollgate):
    new = new_key()
    revoke(web_tollgate, new.key_id, actor="test")
    answer = ask(new.api_key.reveal())
    assert (answer["code"], answer["key_id"]) == ("REVOKED", new.key_id)


def test_a_key_that_was_rotated_out_is_revoked_after_its_grace(ask, new_key, web_tollgate, clock):
    new = new_key()
    rotate(web_tollgate, new.key_id, grace_seconds=60, actor="test")
    clock.forward(seconds=61)
    assert ask(new.api_key.reveal())["code"] == "REVOKED"


def test_a_key_whose_time_is_over_has_ended(ask, new_key, clock):
    key = new_key(term_days=1).api_key.reveal()
    clock.forward(days=2)
    assert ask(key)["code"] == "ENDED"


def test_a_full_window_is_told_with_the_problem_to_pass_on(ask, small_key):
    answer = [ask(small_key) for _ in range(4)][-1]
    assert (answer["valid"], answer["code"], answer["limits"][0]["remaining"]) == (False, "RATE_LIMITED", 0)
    assert (answer["problem"]["status"], answer["problem"]["violated-policies"]) == (429, ["minute"])


@pytest.mark.parametrize("asked", [{"scope": "reports:read"}, {"scope": "account nope"}, {"feature": "forecasts"}])
def test_what_a_key_lacks_is_insufficient_and_costs_nothing(ask, working_key, asked):
    assert ask(working_key, **asked)["code"] == "INSUFFICIENT_SCOPE"
    assert ask(working_key)["limits"][0]["remaining"] == 599


def test_several_scopes_are_all_needed_and_enough(ask, new_key):
    key = new_key(scopes=("reports:read", "reports:write")).api_key.reveal()
    assert ask(key, scope="reports:write reports:read")["valid"]


def test_a_cost_is_charged_whole(ask, working_key):
    assert ask(working_key, cost=5)["limits"][0]["remaining"] == 595


def test_a_cost_that_does_not_fit_any_more_is_not_charged(ask, small_key):
    ask(small_key, cost=2)
    refused = ask(small_key, cost=2)
    assert (refused["code"], refused["limits"][0]["remaining"]) == ("RATE_LIMITED", 1)


def test_a_peek_charges_nothing(ask, small_key):
    answers = [ask(small_key, peek=True) for _ in range(5)]
    assert [answer["limits"][0]["remaining"] for answer in answers] == [3] * 5


@pytest.mark.parametrize(("cost", "code"), [(1, "VALID"), (2, "RATE_LIMITED")])
def test_a_peek_tells_whether_that_cost_would_pass(ask, small_key, cost, code):
    ask(small_key, cost=2)
    assert ask(small_key, cost=cost, peek=True)["code"] == code


@pytest.mark.parametrize("cost", [0, -1, 10**10, "2", 1.5, True])
def test_a_senseless_cost_is_refused_by_name(ask, working_key, cost):
    problem = ask(working_key, cost=cost)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("invalid_request", "/cost")


@pytest.mark.parametrize("peek", [False, True])
def test_a_cost_above_a_limit_is_refused_because_it_can_never_pass(ask, small_key, peek):
    problem = ask(small_key, cost=4, peek=peek)
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/cost")
    assert "can never pass: the limit is 3 per 60 s" in problem["detail"]


def test_a_cost_above_a_limit_charges_nothing(ask, small_key):
    ask(small_key, cost=4)
    assert ask(small_key)["limits"][0]["remaining"] == 2


def test_a_limit_that_was_raised_for_this_key_holds_its_cost(ask, small_key, web_tollgate):
    patch(web_tollgate, ask(small_key)["key_id"], KeyChanges(limits={"minute": 50}), actor="test")
    assert ask(small_key, cost=40, peek=True)["limits"][0]["limit"] == 50


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/key"),
        ({"key": 5}, "/key"),
        ({"key": "x", "scope": ""}, "/scope"),
        ({"key": "x", "scope": ' "'}, "/scope"),
        ({"key": "x", "peek": "yes"}, "/peek"),
        ({"key": "x", "feature": ""}, "/feature"),
        ({"key": "x", "more": 1}, "/more"),
    ],
)
def test_a_bad_question_is_refused_by_name(client, body, pointer):
    answer = client.post("/v1/keys/verify", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_a_bad_question_is_answered_without_the_key(client, working_key):
    body = {"key": working_key, "cost": 0, working_key: 1}
    answer = client.post("/v1/keys/verify", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
    assert working_key not in answer.text


def test_a_verified_key_is_in_no_log(ask, working_key, caplog):
    caplog.set_level("DEBUG")
    ask(working_key)
    ask(working_key + "0")
    assert working_key.rpartition("_")[2] not in caplog.text


@pytest.mark.parametrize("token", [TOKEN, OTHER])
def test_every_service_token_is_good(client, token):
    answer = client.post("/v1/keys/verify", json={"key": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthorized"),
        ({"Authorization": "Bearer "}, 401, "unauthorized"),
        ({"Authorization": f"Basic {TOKEN}"}, 401, "unauthorized"),
        ({"Authorization": "Bearer svc_wrong"}, 403, "forbidden"),
        ({"Authorization": "Bearer clé"}, 403, "forbidden"),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 403, "forbidden"),
        ({"X-API-Key": TOKEN}, 401, "unauthorized"),
    ],
)
def test_without_a_service_token_nothing_is_told_or_charged(client, ask, working_key, headers, status, code):
    answer = client.post("/v1/keys/verify", json={"key": working_key}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert ask(working_key)["limits"][0]["remaining"] == 599


def test_an_api_key_is_no_service_token(client, working_key):
    answer = client.post(
        "/v1/keys/verify", json={"key": working_key}, headers={"Authorization": f"Bearer {working_key}"}
    )
    assert answer.status_code == 403


class TestWithoutServiceTokens:
    """An installation that named none."""

    @pytest.fixture
    def settings_changes(self):
        return {}

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}])
    def test_nobody_may_ask(self, client, headers):
        answer = client.post("/v1/keys/verify", json={"key": "x"}, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("asked", [{}, {"scope": "nope"}])
def test_the_answer_is_what_the_description_says(ask, working_key, asked):
    answer = ask(working_key, **asked)
    assert list(answer) == list(VerifyOut.model_validate(answer).model_dump())


def test_every_outcome_of_a_key_has_a_code_of_its_own():
    about_requests = {Outcome.MISSING_KEY, Outcome.AMBIGUOUS_KEY}
    assert set(CODES) == set(Outcome) - about_requests
    assert len(set(CODES.values())) == len(CODES)


class Silent(io.RawIOBase):
    """A body of which nothing more comes."""

    def readable(self):
        return True

    def readinto(self, _room):
        raise BlockingIOError(11, "Resource temporarily unavailable")


def test_who_falls_silent_in_the_middle_of_a_question_is_told_so(client):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    silent = {"wsgi.input": Silent(), "CONTENT_LENGTH": "90"}
    answer = client.post("/v1/keys/verify", headers=headers, environ_overrides=silent)

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
