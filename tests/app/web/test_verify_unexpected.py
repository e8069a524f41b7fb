"""The WSGI middleware when Tollgate does not answer, or answers what this version does not expect: nobody passes."""

import pytest
import requests
import responses
from werkzeug.test import Client

from app.doors import HttpVerifier, TollgateMiddleware

DEAD = "http://tollgate.test"
VERIFY = f"{DEAD}/v1/keys/verify"
KEY = {"X-API-Key": "tg_test_x"}
WINDOW = {"name": "minute", "limit": 600, "remaining": 599, "reset": 41, "window": 60}
GOOD = {
    "valid": True,
    "code": "VALID",
    "key_id": "key_1",
    "entitlement": "ent_1",
    "owner": None,
    "plan": "pro",
    "scopes": [],
    "features": [],
    "ends_at": None,
    "limits": [WINDOW],
    "quota": None,
    "problem": None,
}
PROBLEM = {"title": "No", "status": 401, "code": "revoked_key"}


def refused(outcome="REVOKED", **problem):
    return {**GOOD, "valid": False, "code": outcome, "problem": {**PROBLEM, **problem}}


def without(name):
    answer = refused()
    return {**answer, "problem": {key: value for key, value in answer["problem"].items() if key != name}}


def inside(_environ, start_response):
    start_response("200 OK", [])
    return [b"in"]


@pytest.fixture
def remote():
    """A client of an application whose Tollgate is what `responses` says."""
    with responses.RequestsMock() as wire:
        yield wire, Client(TollgateMiddleware(inside, verifier=HttpVerifier(DEAD, "svc_2Rw8Kz1Qm6Xc9Vb")))


UNEXPECTED = {
    "no connection": {"body": requests.ConnectionError("refused")},
    "too slow": {"body": requests.ReadTimeout("slow")},
    "500": {"status": 500, "body": "no"},
    "403": {"status": 403, "json": {"code": "forbidden"}},
    "201": {"status": 201, "json": GOOD},
    "a redirect": {"status": 302, "headers": {"Location": "https://elsewhere.test"}},
    "a page": {"status": 200, "body": "<html>"},
    "too little": {"status": 200, "json": {"valid": True}},
    "a list": {"status": 200, "json": []},
    "422 without a word": {"status": 422, "json": {}},
    "422 of somebody else": {"status": 422, "json": {"detail": "no"}},
    "422 as a page": {"status": 422, "body": "<html>"},
    "422 as a list": {"status": 422, "json": []},
    "valid with another code": {"json": {**GOOD, "code": "REVOKED"}},
    "valid in words": {"json": {**GOOD, "valid": "yes"}},
    "valid as a number": {"json": {**GOOD, "valid": 1}},
    "valid with a problem": {"json": {**GOOD, "problem": PROBLEM}},
    "valid for nobody": {"json": {**GOOD, "key_id": None}},
    "valid without a plan": {"json": {**GOOD, "plan": None}},
    "numbers in words": {"json": {**GOOD, "limits": [{**WINDOW, "remaining": "599"}]}},
    "a name no header can hold": {"json": {**GOOD, "limits": [{**WINDOW, "name": "a\r\nX-Evil: 1"}]}},
    "refused as VALID": {"json": refused("VALID")},
    "refused without a problem": {"json": {**refused(), "problem": None}},
    "refused without a status": {"json": without("status")},
    "refused without a code": {"json": without("code")},
    "refused with 200": {"json": refused(status=200)},
    "refused with 299": {"json": refused(status=299)},
    "refused with 302": {"json": refused(status=302)},
    "refused with 600": {"json": refused(status=600)},
    "refused with a status in words": {"json": refused(status="401")},
    "refused with no list of policies": {"json": refused(**{"violated-policies": None})},
    "refused with policies that are no names": {"json": refused(**{"violated-policies": [[]]})},
}


@pytest.mark.parametrize("said", UNEXPECTED.values(), ids=UNEXPECTED)
def test_when_nobody_can_verify_nobody_passes(remote, said):
    wire, client = remote
    wire.post(VERIFY, **said)
    answer = client.get("/", headers=KEY)
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")


@pytest.mark.parametrize("status", [400, 401, 403, 409, 418, 451, 499, 500, 599])
def test_a_refusal_that_a_newer_tollgate_knows_is_handed_on(remote, status):
    wire, client = remote
    wire.post(VERIFY, json=refused("BRAND_NEW", code="brand_new", status=status, hint="look"))
    answer = client.get("/", headers=KEY)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert (answer.json["code"], answer.json["status"], answer.json["hint"]) == ("brand_new", status, "look")


def test_a_401_that_a_newer_tollgate_knows_has_a_challenge(remote):
    wire, client = remote
    wire.post(VERIFY, json=refused("BRAND_NEW", code="brand_new"))
    answer = client.get("/", headers=KEY)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gateway", error="invalid_token"'


def test_a_fact_that_a_newer_tollgate_adds_is_no_trouble(remote):
    wire, client = remote
    wire.post(VERIFY, json={**GOOD, "colour": "blue", "limits": [{**WINDOW, "colour": "red"}]})
    answer = client.get("/", headers=KEY)
    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, "599")


def test_a_tollgate_in_trouble_leaves_no_key_in_the_log(remote, caplog):
    wire, client = remote
    wire.post(VERIFY, body=requests.ConnectionError("tg_test_x"))
    client.get("/", headers=KEY)
    assert "tg_test_x" not in caplog.text
    assert "no key can be verified" in caplog.text
