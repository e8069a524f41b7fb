"""What a proxy asks Tollgate with: the headers that it needs, and no others of the client's."""

import pytest
import requests


@pytest.mark.parametrize("count", [95, 120, 300])
def test_a_client_with_many_headers_is_no_failure_of_the_gate(raw, keys, count):
    many = [(f"X-Mine-{number}", "1") for number in range(count)]
    assert raw("/", [*many, ("X-API-Key", keys["good"])]).status in (200, 431)  # 431: the API takes a hundred


@pytest.mark.parametrize("line", [7_900, 8_188, 8_189, 8_190, 8_192, 65_536])
@pytest.mark.parametrize("start", ["X-Mine: ", "X-API-Key: ", "Authorization: Bearer "])
def test_a_long_header_is_no_failure_of_the_gate(raw, start, line):
    name, _, value = start.partition(": ")
    assert raw("/", [(name, value.ljust(line - len(name) - 2, "x"))]).status in (400, 401, 431)


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
def test_another_key_beside_a_bad_one_helps_nobody(raw, keys, name):
    assert raw("/", [(name, "Bearer bad"), (name, f"Bearer {keys['good']}")]).status in (400, 401)


def test_a_bearer_token_alone_is_a_key(raw, keys):
    assert raw("/", [("Authorization", f"Bearer {keys['good']}")]).status == 200


def test_cookies_are_not_sent_to_the_gate(overheard):
    requests.get(overheard.address, cookies={"session": "mine"}, timeout=10)
    assert overheard.names
    assert "cookie" not in [name.lower() for name in overheard.names]
