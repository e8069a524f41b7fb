"""Operators over HTTP: orders and their money, entitlements, boxes, plans, audit, report, tokens and their scopes."""

import pytest

from app.ingest import receive
from app.models import Adjustment, AuditEntry, Order, Refund
from app.operators import tokens
from keystore.models import Entitlement
from providers.base import Refused, Unavailable

ORDERS, ENTITLEMENTS = "/v1/admin/orders", "/v1/admin/entitlements"
WHY = {"reason": "an outage"}


@pytest.fixture
def ask(client, admin):
    """Call the admin API as the operator with ADMIN_TOKEN."""

    def _ask(method, path, body=None, headers=admin):
        return client.open(f"/v1/admin{path}", method=method, json=body, headers=headers)

    return _ask


@pytest.fixture
def token(web_tollgate):
    """A named token's header."""

    def _token(scope, name="ada"):
        _, made = tokens.create(web_tollgate, name, scope=scope, actor="test")
        return {"Authorization": f"Bearer {made.reveal()}"}

    return _token


@pytest.fixture
def bought(web_tollgate, client, stripe, notify, clock):
    """A paid order as it was opened."""
    opened = client.post("/v1/orders", json={"plan": "pro", "provider": "stripe", "email": "ada@example.com"}).json
    receive(web_tollgate, "stripe", notify(stripe.pay(at=clock()), livemode=False))
    return opened


@pytest.fixture
def entitlement(rows):
    return lambda: rows(Entitlement)[0].id


def test_an_order_has_a_file(ask, bought):
    file = ask("GET", f"/orders/{bought['id']}").json
    assert (file["status"], file["entitlement_now"]["status"], file["payments"][0]["amount"]) == (
        "paid",
        "active",
        1200,
    )
    assert [event["at"] for event in file["timeline"]] == sorted(event["at"] for event in file["timeline"])


def test_an_orders_file_never_shows_the_key(ask, bought):
    assert bought["api_key"] not in ask("GET", f"/orders/{bought['id']}").text


@pytest.mark.parametrize("query", ["email=ada@example.com", "status=paid", "limit=1"])
def test_orders_are_searched(ask, bought, query):
    assert [item["id"] for item in ask("GET", f"/orders?{query}").json["data"]] == [bought["id"]]


@pytest.mark.parametrize("query", ["email=x", "status=lost", "key=1", "reference=%00", "limit=0", "attention=a%20b"])
def test_odd_searches_are_refused(ask, query):
    answer = ask("GET", f"/orders?{query}")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_a_refund_ends_the_key_at_once(ask, bought, client):
    assert ask("POST", f"/orders/{bought['id']}/refund", {}).status_code == 201
    assert client.get("/v1/whoami", headers={"X-API-Key": bought["api_key"]}).json["code"] == "ended"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": 1201}, 422, "invalid_request"),
        ({"amount": 0}, 422, "invalid_request"),
        ({"amount": -5}, 422, "invalid_request"),
        ({"amount": "5"}, 422, "invalid_request"),
        ({"payment": "pay_x"}, 404, "not_found"),
        ({"more": 1}, 422, "invalid_request"),
        ({"cancel_subscription": 1}, 422, "invalid_request"),
        ({"cancel_subscription": True}, 409, "not_possible"),
    ],
)
def test_absurd_refunds_are_not_made(ask, bought, rows, stripe, body, status, code):
    answer = ask("POST", f"/orders/{bought['id']}/refund", body)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert (rows(Refund), stripe.refunded) == ([], [])


@pytest.mark.parametrize(("body", "status", "code"), [({}, 422, "invalid_request"), (WHY, 409, "not_possible")])
def test_no_subscription_is_ended_where_there_is_none(ask, bought, stripe, body, status, code):
    answer = ask("POST", f"/orders/{bought['id']}/cancel-subscription", body)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert stripe.canceled == []


def test_nothing_goes_back_twice(ask, bought):
    ask("POST", f"/orders/{bought['id']}/refund", {})
    answer = ask("POST", f"/orders/{bought['id']}/refund", {})
    assert (answer.status_code, answer.json["code"]) == (409, "already_refunded")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(Refused("disputed"), 409, "refund_refused"), (Unavailable("gone"), 503, "provider_unavailable")],
)
def test_a_provider_in_trouble_is_no_mistake_of_ours(ask, bought, stripe, error, status, code):
    stripe.refund_answer = error
    answer = ask("POST", f"/orders/{bought['id']}/refund", {})
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_a_provider_in_trouble_cannot_be_asked_about_an_order(ask, bought, stripe):
    stripe.answers = dict.fromkeys(stripe.answers, Unavailable("gone"))
    assert ask("POST", f"/orders/{bought['id']}/sync").status_code == 503


@pytest.mark.parametrize(("act", "body", "code"), [("accept", {}, "not_held"), ("resolve", WHY, "not_possible")])
def test_what_is_not_flagged_is_left_alone(ask, bought, rows, act, body, code):
    answer = ask("POST", f"/orders/{bought['id']}/{act}", body)
    assert (answer.status_code, answer.json["code"]) == (409, code)
    assert rows(Adjustment) == []


@pytest.mark.parametrize("act", ["accept", "refund", "sync", "resolve"])
def test_an_unknown_order_is_not_found(ask, act):
    assert ask("POST", f"/orders/ord_x/{act}", WHY if act == "resolve" else {}).status_code == 404


def test_an_entitlement_is_extended(ask, bought, entitlement):
    before = ask("GET", f"/entitlements/{entitlement()}").json["ends_at"]
    assert ask("POST", f"/entitlements/{entitlement()}/extend", {"days": 1, **WHY}).json["ends_at"] > before


def test_a_pause_holds_at_once_and_can_be_undone(ask, bought, entitlement, client):
    ask("POST", f"/entitlements/{entitlement()}/suspend", WHY)
    assert client.get("/v1/whoami", headers={"X-API-Key": bought["api_key"]}).json["code"] == "suspended"
    ask("POST", f"/entitlements/{entitlement()}/restore", WHY)
    assert client.get("/v1/whoami", headers={"X-API-Key": bought["api_key"]}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"seconds": 0, **WHY}, {"days": -1, **WHY}, {"days": 10**6, **WHY}, WHY, {"days": 1}, {"days": 1, "reason": ""}, {"days": 1, "reason": "\x00"},
        {"until": "2020-01-01T00:00:00Z", **WHY}, {"until": "0001-01-01T00:00:00+14:00", **WHY}, {"until": "tomorrow", **WHY}, {"until": "2027-01-01", **WHY},
    ],
)  # fmt: skip
def test_absurd_extensions_are_refused(ask, bought, entitlement, rows, body):
    answer = ask("POST", f"/entitlements/{entitlement()}/extend", body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
    assert rows(Adjustment) == []


@pytest.mark.parametrize("act", ["extend", "suspend", "restore", "revoke", "reissue"])
def test_an_unknown_entitlement_is_not_found(ask, act):
    body = {"extend": {"days": 1, **WHY}, "reissue": {}}.get(act, WHY)
    assert ask("POST", f"/entitlements/ent_x/{act}", body).status_code == 404


def test_a_lost_key_is_reissued_and_works(ask, bought, entitlement, client):
    made = ask("POST", f"/entitlements/{entitlement()}/reissue", {"grace_seconds": 0}).json
    assert client.get("/v1/whoami", headers={"X-API-Key": made["api_key"]}).status_code == 200
    assert client.get("/v1/whoami", headers={"X-API-Key": bought["api_key"]}).json["code"] == "revoked_key"


def test_a_receipt_is_shown_and_replayed(ask, bought):
    (receipt,) = ask("GET", "/receipts?state=applied").json["data"]
    assert "body" in ask("GET", f"/receipts/{receipt['id']}").json
    assert ask("POST", f"/receipts/{receipt['id']}/replay").json["state"] == "applied"


def test_a_replay_of_many_is_rehearsed_first(ask, bought):
    assert ask("POST", "/receipts/replay", {"state": "applied", "dry_run": True}).json == {"matched": 1, "due": 0}
    assert ask("POST", "/receipts/replay", {"state": "applied"}).json == {"matched": 1, "due": 1}


@pytest.mark.parametrize(
    ("path", "status"), [("/receipts/rcp_x/replay", 404), ("/receipts/replay", 422), ("/parcels/par_x/resend", 404)]
)
def test_what_is_not_there_is_not_done_again(ask, path, status):
    assert ask("POST", path, {}).status_code == status


def test_a_plan_off_sale_is_not_offered(ask, client):
    assert ask("POST", "/plans/pro", {"on_sale": False}).json["on_sale"] is False
    assert "pro" not in [plan["id"] for plan in client.get("/v1/plans").json["data"]]


@pytest.mark.parametrize(("slug", "body", "code"), [("gold", {"on_sale": False}, "unknown_plan"), ("pro", {"on_sale": False, "provider": "cash"}, "unknown_provider"), ("pro", {}, "invalid_request")])  # fmt: skip
def test_an_unknown_plan_cannot_be_switched(ask, slug, body, code):
    assert ask("POST", f"/plans/{slug}", body).json["code"] == code


@pytest.mark.parametrize(("path", "first"), [("/audit.csv", "at,actor,action"), ("/report.csv", "month,provider,plan")])
def test_sheets_can_be_had(ask, bought, path, first):
    answer = ask("GET", path)
    assert (answer.mimetype, answer.text.startswith(first)) == ("text/csv", True)
    assert len(answer.text.splitlines()) > 1


def test_the_report_says_what_came(ask, bought):
    assert ask("GET", "/report").json["data"][0]["net"] == 1200


def test_the_audit_log_names_the_token(ask, bought, entitlement, token):
    ask("POST", f"/entitlements/{entitlement()}/suspend", WHY, headers=token("write"))
    assert ask("GET", "/audit?action=entitlement.suspended").json["data"][0]["actor"] == "admin:ada"


def test_a_reading_token_reads(ask, token):
    assert ask("GET", "/orders", headers=token("read")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/orders/{order}/refund", "/entitlements/{entitlement}/revoke", "/plans/pro", "/keys", "/receipts/replay"]
)
def test_a_reading_token_changes_nothing(ask, bought, entitlement, token, rows, path):
    reader, before = token("read"), len(rows(AuditEntry))
    where = path.format(order=bought["id"], entitlement=entitlement())
    answer = ask("POST", where, {"plan": "pro", "on_sale": False, **WHY}, headers=reader)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert (len(rows(AuditEntry)), rows(Order)[0].status) == (before, "paid")


def test_a_revoked_token_is_forbidden(ask, token, web_tollgate):
    reader = token("read")
    tokens.revoke(web_tollgate, "ada", actor="test")
    assert ask("GET", "/orders", headers=reader).json["code"] == "forbidden"


@pytest.mark.parametrize("settings_changes", [{"admin_token": None}])
def test_a_named_token_works_without_the_setting(ask, token):
    assert ask("GET", "/orders", headers=token("read")).status_code == 200
