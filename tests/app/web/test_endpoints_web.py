"""/v1/admin/webhook-endpoints."""

import pytest

from app import outbox
from app.carriers import CARRIERS
from app.operators import tokens

PLACE = "/v1/admin/webhook-endpoints"
HOOK = "http://127.0.0.1:9/hook"


@pytest.fixture
def settings_changes(settings_changes):
    return {**settings_changes, "allow_private_webhooks": True}


@pytest.fixture
def made(client, admin):
    answer = client.post(PLACE, json={"url": HOOK, "events": ["order.paid"], "description": "mine"}, headers=admin)
    assert answer.status_code == 201
    return answer.json


@pytest.fixture
def one(made):
    return f"{PLACE}/{made['id']}"


def test_the_secret_is_shown_once(client, admin, made, one):
    assert made["secret"].startswith("whsec_")
    assert "secret" not in client.get(one, headers=admin).json


def test_all_are_listed(client, admin, made):
    assert [item["id"] for item in client.get(PLACE, headers=admin).json["data"]] == [made["id"]]


def test_what_is_left_out_stays(client, admin, one):
    changed = client.patch(one, json={"events": []}, headers=admin).json
    assert (changed["events"], changed["url"], changed["description"]) == ([], HOOK, "mine")


def test_it_can_be_disabled_and_enabled(client, admin, one):
    statuses = [
        client.patch(one, json={"status": name}, headers=admin).json["status"] for name in ("disabled", "enabled")
    ]
    assert statuses == ["disabled", "enabled"]


def test_rotation_shows_another_secret(client, admin, made, one):
    rotated = client.post(f"{one}/rotate", headers=admin).json
    assert rotated["secret"] != made["secret"]
    assert rotated["rotating_until"]


def test_a_deleted_one_is_gone(client, admin, one):
    assert client.delete(one, headers=admin).json["deleted"]
    assert client.get(one, headers=admin).status_code == 404


def test_a_trial_shows_in_the_log_and_can_be_sent_again(client, admin, one, web_tollgate):
    message = client.post(f"{one}/test", headers=admin).json["message"]
    outbox.run_due(web_tollgate, CARRIERS)
    (attempt,) = client.get(f"{one}/deliveries", headers=admin).json["data"]
    assert (attempt["message"], attempt["event"], attempt["state"]) == (message, "webhook.test", "due")
    assert client.post(f"{one}/messages/{message}/resend", headers=admin).status_code == 202


def test_an_unknown_message_is_not_sent_again(client, admin, one):
    assert client.post(f"{one}/messages/msg_none/resend", headers=admin).status_code == 404


def test_nothing_is_sent_to_a_disabled_one(client, admin, one):
    client.patch(one, json={"status": "disabled"}, headers=admin)
    answer = client.post(f"{one}/test", headers=admin)
    assert (answer.status_code, answer.json["code"]) == (409, "endpoint_disabled")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": "ftp://example.com"},
        {"url": HOOK, "events": ["order.lost"]},
        {"url": HOOK, "events": "order.paid"},
        {"url": HOOK, "secret": "mine"},
    ],
)
def test_what_cannot_be_used_is_refused(client, admin, body):
    assert client.post(PLACE, json=body, headers=admin).status_code == 422


@pytest.mark.parametrize("settings_changes", [{"admin_token": "adm_7Kd2Wq9Zx4Lm1Rv8Tn"}])
@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://127.0.0.1/", "https://localhost/", "https://10.0.0.1/"]
)
def test_private_and_unencrypted_addresses_are_refused(client, admin, url):
    answer = client.post(PLACE, json={"url": url}, headers=admin)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/url")


def test_without_the_token_nothing_is_shown(client, made):
    assert client.get(PLACE).status_code == 401


def test_a_token_that_may_only_read_makes_none(client, web_tollgate, admin):
    _, reading = tokens.create(web_tollgate, "reader", scope="read", actor="test")
    answer = client.post(PLACE, json={"url": HOOK}, headers={"Authorization": f"Bearer {reading.reveal()}"})
    assert answer.status_code == 403
