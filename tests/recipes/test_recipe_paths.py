"""A route is judged by the address that the API will see, however a client spells it."""

import pytest


@pytest.mark.parametrize(
    "target",
    [
        "/reports/a",
        "//reports/a",
        "/r%65ports/a",
        "/%2freports/a",
        "/reports%2fa",
        "/reports%2Fa",
    ],
)
def test_no_spelling_of_a_dear_route_is_a_cheap_one(raw, keys, target):
    answer = raw(target, [("X-API-Key", keys["good"])])
    assert answer.status in (400, 403), answer.text


@pytest.mark.parametrize("target", ["/a%25b", "/a%3fb", "/a%23b", "/a%20b", "/caf%c3%a9", "/a;b"])
def test_other_signs_may_stand_in_an_address(raw, keys, target):
    answer = raw(target, [("X-API-Key", keys["good"])])
    assert f'"path": "{target}"'.lower() in answer.text.lower()
