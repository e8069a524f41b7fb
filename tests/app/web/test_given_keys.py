"""Keys that an operator gave away: no link that leads nowhere, and a page of their own once they were renewed."""

import re

import pytest

from app import recovery
from app.keys import KeyOrder, create
from app.mail.contents import CONTENTS
from app.mail.render import render
from app.models import Order
from keystore.models import Entitlement


@pytest.fixture
def given(web_tollgate):
    """The header of a key for ten days."""
    new = create(web_tollgate, KeyOrder("pro", email="ada@example.com", term_days=10), actor="test")
    return {"X-API-Key": new.api_key.reveal()}


@pytest.fixture
def renew(client, given):
    return lambda: client.post("/v1/renewals", json={"provider": "btcpay"}, headers=given)


def test_a_key_whose_time_is_over_is_sent_to_no_page_that_is_not_there(client, given, clock):
    clock.forward(days=20)
    answer = client.get("/v1/whoami", headers=given)
    assert (answer.status_code, answer.json["code"], "order_url" in answer.json) == (402, "ended", False)
    assert "POST /v1/renewals" in answer.json["detail"]


def test_a_suspended_key_is_sent_to_the_operator(client, admin, given, rows):
    client.post(f"/v1/admin/entitlements/{rows(Entitlement)[0].id}/suspend", json={"reason": "x"}, headers=admin)
    answer = client.get("/v1/whoami", headers=given)
    assert (answer.json["code"], "order_url" in answer.json) == ("suspended", False)


def test_what_only_works_with_a_working_key_names_no_page_either(client, given, clock):
    clock.forward(days=20)
    answer = client.post("/v1/keys/rotate", json={}, headers=given)
    assert (answer.json["code"], "order_url" in answer.json) == ("ended", False)


def test_a_given_key_is_renewed_and_has_a_page_from_then_on(client, given, clock, renew):
    clock.forward(days=20)
    order = renew().json
    answer = client.get("/v1/whoami", headers=given)
    assert (answer.json["code"], answer.json["order_url"]) == ("ended", order["order_url"])


def test_its_page_opens_with_the_key(client, given, renew):
    place = f"/orders/{renew().json['id']}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(place).text)[1]
    form = {"api_key": given["X-API-Key"], "csrf_token": token}
    assert client.post(f"{place}/key", data=form, follow_redirects=True).status_code == 200


def test_days_that_were_given_are_not_lost_by_a_renewal(web_tollgate, client, given, renew, btcpay, clock):
    order = renew().json
    btcpay.pay(at=clock())
    clock.forward(seconds=5)
    client.get(f"/v1/orders/{order['id']}", headers=given)
    assert client.get("/v1/whoami", headers=given).json["ends_at"] == "2026-12-11T12:00:00Z"


def test_a_second_renewal_leaves_the_page_where_it_is(given, renew, rows):
    first = renew().json["id"]
    renew()
    assert (rows(Entitlement)[0].reference, len(rows(Order))) == (first, 2)


@pytest.mark.parametrize("renewed", [False, True])
def test_the_letter_before_the_end_has_a_link_that_leads_somewhere(web_tollgate, client, renew, rows, renewed):
    place = renew().json["order_url"] if renewed else "http://127.0.0.1:8000/docs"
    with web_tollgate.db.read() as session:
        right = session.get(Entitlement, rows(Entitlement)[0].id)
        facts = {"entitlement": right.id, "ends_at": right.ends_at.isoformat()}
        said = CONTENTS["reminder"](session, web_tollgate, facts)
    assert f"\n{place}\n" in render("reminder", "en", {**said, "site": "x"}).text


def test_a_key_for_ever_is_not_renewed(client, working_key):
    answer = client.post("/v1/renewals", json={"provider": "btcpay"}, headers={"X-API-Key": working_key})
    assert (answer.status_code, answer.json["code"]) == (409, "not_renewable")


def test_a_new_key_for_whoever_lost_a_given_one_works(web_tollgate, client, given, rows):
    new = recovery.reissue(web_tollgate, rows(Entitlement)[0].id, actor="test")
    assert client.get("/v1/whoami", headers={"X-API-Key": new.api_key.reveal()}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/payments"])
def test_a_given_key_sees_its_own_account(client, given, path):
    assert client.get(path, headers=given).status_code == 200
