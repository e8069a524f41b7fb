"""Whoever sends keys to the endpoints of their holders is told to wait at some point."""

import os

import pytest

from app.web.holders import identify
from app.web.throttle import HOLDERS, LIMITED_BLUEPRINTS
from keystore import generate

MOST = int(HOLDERS.partition("/")[0])


def unknown():
    """A key of the right shape that nobody has."""
    return {"X-API-Key": generate("test", prefix="tg", seed=os.urandom(32))[1].reveal()}


@pytest.fixture
def asking(web):
    """The blueprints that look up a key before anything else."""
    return {name for name, hooks in web.before_request_funcs.items() if identify in hooks}


def test_wherever_a_key_is_looked_up_first_there_is_a_limit(web, asking):
    limits = web.extensions["throttle"].limit_manager
    limited = {name for name in LIMITED_BLUEPRINTS if limits.blueprint_limits(web, name)}

    assert (asking != set(), asking - limited) == (True, set())


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/payments"])
def test_many_keys_that_nobody_has_are_too_many(client, path):
    statuses = [client.get(path, headers=unknown()).status_code for _ in range(MOST + 1)]

    assert (set(statuses[:MOST]), statuses[MOST]) == ({401}, 429)
