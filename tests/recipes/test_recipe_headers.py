"""Which headers pass a proxy, and which it writes itself."""

import json
from socket import create_connection

import pytest

ERASING = "X-Tollgate-Key-Id, X-Tollgate-Owner, X-Tollgate-Plan"


def received(answer):
    """The headers that reached the API, by name in small letters."""
    return {name.lower(): value for name, value in json.loads(answer.text)["headers"]}


@pytest.mark.parametrize("connection", ["close, {}", "{}", "keep-alive, {}", "Upgrade, {}"])
def test_a_client_cannot_have_its_identity_erased_as_hop_by_hop(raw, keys, connection):
    mine = [("X-API-Key", keys["good"]), ("Connection", connection.format(ERASING))]
    assert received(raw("/", mine))["x-tollgate-plan"] == "pro"


@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade", f"Upgrade, {ERASING}"])
def test_a_websocket_passes_with_its_identity(raw, keys, connection):
    mine = [("X-API-Key", keys["good"]), ("Connection", connection), ("Upgrade", "WebSocket")]
    answer = raw("/", mine, b"ping\n")
    assert (answer.status, answer.text) == (101, "pro ping\n")


def test_a_websocket_without_a_key_is_refused(raw):
    assert raw("/", [("Connection", "Upgrade"), ("Upgrade", "websocket")]).status == 401


@pytest.mark.parametrize("upgrades", [["h2c"], ["h2c", "websocket"], ["websocket, h2c"]])
def test_no_other_protocol_is_spoken_past_the_gate(raw, keys, upgrades):
    mine = [("X-API-Key", keys["good"]), ("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABk")]
    answer = raw("/", mine + [("Upgrade", name) for name in upgrades], b"ping\n")
    assert answer.headers.get("Upgrade") in (None, "websocket")


@pytest.mark.parametrize("host", ["api.example.com", "127.0.0.1:9", "[::1]", "x.invalid:8080"])
def test_the_gate_judges_whatever_host_a_client_names(call, host):
    assert call(headers={"Host": host}).status_code == 401


def test_a_proxy_listens_where_its_recipe_says_and_nowhere_else(proxy):
    with pytest.raises(OSError):
        create_connection(("127.0.0.2", proxy.port), timeout=5).close()


def test_the_api_is_told_the_true_address_protocol_and_host(raw, keys):
    names = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
    told = received(raw("/", [("X-API-Key", keys["good"]), *((name, "192.0.2.1") for name in names)]))
    assert [told[name.lower()].partition(":")[0] for name in names] == ["127.0.0.1", "http", "127.0.0.1"]


FORGED = ["X-Tollgate-Features", "x-tollgate-owner", "X_Tollgate_Plan", "X.Tollgate.Owner", "X.Tollgate-Scopes"]


@pytest.mark.parametrize("name", FORGED)
def test_what_clients_say_of_themselves_is_thrown_away_however_it_is_spelt(raw, keys, name):
    told = received(raw("/", [("X-API-Key", keys["good"]), (name, "forged"), (name, "forged")]))
    assert "forged" not in str([*told.values()])


@pytest.mark.parametrize("proxy", ["caddy", "traefik"], indirect=True)
@pytest.mark.parametrize("name", ["X-Tollgate", "X-Tollgate-Foo", "X~Tollgate~Owner", "X_Tollgate"])
def test_so_is_all_else_that_looks_like_it(raw, keys, name):
    assert "forged" not in raw("/", [("X-API-Key", keys["good"]), (name, "forged")]).text


def test_what_tollgate_has_nothing_to_say_of_is_empty(raw, keys):
    answer = raw("/", [("X-API-Key", keys["bare"])])
    told = received(answer)
    assert {told.get(f"x-tollgate-{name}", "") for name in ("scopes", "features")} == {""}
    assert "{http" not in answer.text


def test_a_client_without_limits_is_told_of_none(raw, keys):
    told = raw("/", [("X-API-Key", keys["bare"])]).headers
    assert not {"ratelimit", "ratelimit-policy", "retry-after"} & {name.lower() for name in told}
