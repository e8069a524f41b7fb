import pytest

SHAPE = {
    "id", "status", "plan", "entitlement", "order", "email", "name", "scopes", "hint", "limits",
    "ends_at", "created_at", "last_used_at", "expires_at",
}  # fmt: skip
KEYS = "/v1/admin/keys"


@pytest.fixture
def create(client, admin):
    """Give a key away over HTTP."""
    return lambda **body: client.post(KEYS, json={"plan": "pro", **body}, headers=admin)


def test_without_a_token_nobody_is_let_in(client):
    answer = client.get(KEYS)
    assert (answer.status_code, answer.json["code"], answer.headers["WWW-Authenticate"]) == (
        401,
        "unauthorized",
        'Bearer realm="admin"',
    )


@pytest.mark.parametrize("token", ["Bearer wrong", "Bearer \xe9", "bearer adm_7Kd2Wq9Zx4Lm1Rv8T"])
def test_a_wrong_token_is_forbidden(client, token):
    answer = client.get(KEYS, headers={"Authorization": token})
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("header", ["Basic YWRtaW46YWRtaW4=", "Bearer ", ""])
def test_what_is_no_bearer_token_counts_as_none(client, header):
    assert client.get(KEYS, headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("settings_changes", [{"admin_token": None}])
@pytest.mark.parametrize("token", ["Bearer anything", "Bearer None", "Bearer null"])
def test_without_the_setting_there_is_no_admin(client, token):
    assert client.get(KEYS, headers={"Authorization": token}).json["code"] == "forbidden"


def test_an_api_key_is_no_admin_token(client, working_key):
    assert client.get(KEYS, headers={"Authorization": f"Bearer {working_key}"}).status_code == 403


def test_guessing_the_token_is_limited(client):
    answers = [client.get(KEYS, headers={"Authorization": "Bearer wrong"}) for _ in range(21)]
    assert (answers[19].status_code, answers[20].status_code, answers[20].json["code"]) == (403, 429, "rate_limited")
    assert 1 <= int(answers[20].headers["Retry-After"]) <= 60


def test_failures_of_one_endpoint_count_for_all(client):
    before = [client.post(f"{KEYS}/key_{number}/revoke").status_code for number in range(20)]
    assert (set(before), client.get(KEYS).status_code) == ({401}, 429)


def test_right_tokens_are_not_limited(client, admin):
    assert {client.get(KEYS, headers=admin).status_code for _ in range(40)} == {200}


def test_a_created_key_is_shown_once_and_works(client, admin, create):
    made = create(name="For Ada", email="ada@example.com", scopes=["account", "reports:read"]).json
    assert set(made) == SHAPE | {"api_key"}
    assert client.get("/v1/whoami", headers={"X-API-Key": made["api_key"]}).json["scopes"] == [
        "account",
        "reports:read",
    ]


def test_a_list_never_shows_a_key(client, admin, create):
    made = create().json
    listed = client.get(KEYS, headers=admin)
    assert set(listed.json["data"][0]) == SHAPE
    assert made["api_key"] not in listed.text


def test_a_list_is_read_page_by_page(client, admin, create):
    made = [create().json["id"] for _ in range(3)]
    first = client.get(f"{KEYS}?limit=2", headers=admin).json
    rest = client.get(f"{KEYS}?limit=2&starting_after={first['data'][-1]['id']}", headers=admin).json
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert {item["id"] for item in first["data"] + rest["data"]} == set(made)


def test_a_list_can_be_narrowed(client, admin, create):
    create()
    create(plan="team")
    listed = client.get(f"{KEYS}?plan=team&status=active", headers=admin).json
    assert [item["plan"] for item in listed["data"]] == ["team"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "status=lost",
        "starting_after=%00",
        "plan=%ff",
        "starting_after=ord_1",
    ],
)
def test_a_list_with_odd_parameters_is_refused(client, admin, query):
    answer = client.get(f"{KEYS}?{query}", headers=admin)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_an_unknown_cursor_is_not_found(client, admin):
    assert client.get(f"{KEYS}?starting_after=key_unknown", headers=admin).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"limits": {"minute": 0}}, {"limits": {"minute": -1}}, {"limits": {"minute": 10**10}}, {"limits": {"minute": "9"}},
        {"limits": {"minute": 1.5}}, {"limits": {"minute": True}}, {"limits": []}, {"term_days": 0}, {"term_days": 10**9},
        {"name": "x" * 81}, {"name": "a\x00b"}, {"email": "nobody"}, {"scopes": ["Account!"]}, {"scopes": "account"},
        {"status": "active"}, {"plan": None},
    ],
)  # fmt: skip
def test_absurd_keys_are_not_made(client, admin, create, body):
    answer = create(**body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
    assert client.get(KEYS, headers=admin).json["data"] == []


def test_a_key_of_an_unknown_plan_is_not_made(create):
    assert create(plan="gold").json["code"] == "unknown_plan"


def test_changed_limits_hold_at_once(client, admin, create):
    made = create().json
    client.patch(f"{KEYS}/{made['id']}", json={"limits": {"minute": 7}}, headers=admin)
    assert client.get("/v1/whoami", headers={"X-API-Key": made["api_key"]}).json["limits"][0]["limit"] == 7


def test_what_a_patch_leaves_out_stays(client, admin, create, clock):
    made = create(name="For Ada", limits={"minute": 7}).json
    clock.forward(seconds=1)
    changed = client.patch(f"{KEYS}/{made['id']}", json={"plan": "team"}, headers=admin).json
    assert (changed["plan"], changed["name"], changed["limits"]) == ("team", "For Ada", {"minute": 7})


def test_null_goes_back_to_the_plans_limits(client, admin, create):
    made = create(limits={"minute": 7}).json
    assert client.patch(f"{KEYS}/{made['id']}", json={"limits": None}, headers=admin).json["limits"] is None


STRAY = [{"minutes": 10}, {"minute": 10, "Minute": 5}, {"quota": 5}]


@pytest.mark.parametrize("limits", STRAY)
def test_limits_that_the_plan_lacks_are_refused(client, admin, create, limits):
    place = f"{KEYS}/{create(limits={'minute': 7}).json['id']}"
    answer = client.patch(place, json={"limits": limits, "name": "x"}, headers=admin)
    assert (answer.status_code, answer.json["code"], answer.json["param"]) == (422, "invalid_request", "limits")
    assert answer.json["detail"] == "/limits: the plan pro has only these limits: minute"
    kept = client.get(place, headers=admin).json
    assert (kept["limits"], kept["name"]) == ({"minute": 7}, None)


@pytest.mark.parametrize("limits", STRAY)
def test_no_key_is_made_with_limits_that_its_plan_lacks(client, admin, create, limits):
    assert create(limits=limits).json["detail"] == "/limits: the plan pro has only these limits: minute"
    assert client.get(KEYS, headers=admin).json["data"] == []


@pytest.mark.parametrize(("plan", "status"), [("small", 200), ("team", 422)])
def test_limits_are_those_of_the_plan_that_comes_with_them(client, admin, create, plan, status):
    place = f"{KEYS}/{create().json['id']}"
    answer = client.patch(place, json={"plan": plan, "limits": {"burst": 5}}, headers=admin)
    assert answer.status_code == status
    assert client.get(place, headers=admin).json["plan"] == {200: "small", 422: "pro"}[status]


def test_a_plan_without_the_limits_that_stay_is_refused_and_says_how_to_go_on(client, admin, create):
    place = f"{KEYS}/{create(plan='small', limits={'burst': 5, 'minute': 2}).json['id']}"
    answer = client.patch(place, json={"plan": "pro"}, headers=admin)
    assert (answer.status_code, answer.json["param"]) == (422, "plan")
    assert client.get(place, headers=admin).json["plan"] == "small"
    assert answer.json["detail"] == (
        "/plan: the plan pro has only these limits: minute; this key has amounts of its own for burst. "
        "Send limits too, or null for the plan's own"
    )
    assert client.patch(place, json={"plan": "pro", "limits": {"minute": 2}}, headers=admin).json["plan"] == "pro"


def test_an_operator_revokes_at_once(client, admin, create):
    made = create().json
    client.post(f"{KEYS}/{made['id']}/revoke", headers=admin)
    assert client.get("/v1/whoami", headers={"X-API-Key": made["api_key"]}).json["code"] == "revoked_key"


def test_a_key_that_ends_under_a_revoked_entitlement_is_in_the_audit_log(client, admin, create):
    made = create().json
    client.post(f"/v1/admin/entitlements/{made['entitlement']}/revoke", json={"reason": "x"}, headers=admin)
    [client.post(f"{KEYS}/{made['id']}/revoke", headers=admin) for _ in range(2)]
    entries = client.get(f"/v1/admin/audit?target={made['id']}", headers=admin).json["data"]
    assert [entry["action"] for entry in entries].count("key.revoked") == 1


def test_an_operator_rotates(client, admin, create):
    made = create().json
    answer = client.post(f"{KEYS}/{made['id']}/rotate", json={"grace_seconds": 0}, headers=admin).json
    assert answer["previous"]["key_id"] == made["id"]


@pytest.mark.parametrize(("method", "tail"), [("get", ""), ("patch", ""), ("post", "/rotate"), ("post", "/revoke")])
@pytest.mark.parametrize("key_id", ["key_unknown", "ord_1", "key_%00", "..", "x" * 500])
def test_an_unknown_key_is_not_found(client, admin, method, tail, key_id):
    answer = getattr(client, method)(f"{KEYS}/{key_id}{tail}", json={} if method != "get" else None, headers=admin)
    assert answer.status_code in (404, 405)
