"""Limits as a client meets them: whatever the hosts' clocks say, and whatever becomes of the plan meanwhile."""

import time
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from app import create_app
from app.keys import KeyOrder, create
from keystore import MemoryCounter, Rate, RedisCounter

ERA = 10_000_000  # seconds: does not turn while a test runs
HOUR = timedelta(hours=1)


@pytest.fixture
def settings_changes():
    return {}


@pytest.fixture(params=["memory", "redis", "cluster"])
def counter(request):
    """A counter on a clock of its own."""
    if request.param == "memory":
        return MemoryCounter()
    server = request.param == "redis"
    url = request.getfixturevalue("redis_url") if server else request.getfixturevalue("redis_cluster").url
    return RedisCounter(url, timeout=5, namespace=f"test-{uuid4().hex}")


@pytest.fixture
def host(web_tollgate, clock):
    """A client of a host whose clock is ahead (or behind), with a catalogue that allows `limit` requests in so long."""

    def _host(counter, *, limit=3, window=ERA, ahead=timedelta()):
        rates = (Rate("era", limit, window),)
        plans = {**web_tollgate.catalog.plans, "small": replace(web_tollgate.catalog.plans["small"], rates=rates)}
        catalog = replace(web_tollgate.catalog, plans=plans)
        tollgate = replace(web_tollgate, counter=counter, catalog=catalog, clock=lambda: clock() + ahead)
        return create_app(tollgate=tollgate).test_client()

    return _host


@pytest.fixture
def ask(web_tollgate):
    """Ask a host with the same key."""
    key = create(web_tollgate, KeyOrder("small"), actor="test").api_key.reveal()
    return lambda client: client.get("/v1/whoami", headers={"X-API-Key": key})


def test_hosts_whose_clocks_are_two_hours_apart_share_one_window(counter, host, ask):
    hosts = [host(counter, ahead=ahead) for ahead in (-HOUR, HOUR)]

    assert [ask(client).status_code for client in hosts * 3] == [200] * 3 + [429] * 3


def test_a_plan_that_changes_within_a_window_opens_no_fresh_one(counter, host, ask):
    before, after = host(counter, limit=3), host(counter, limit=5)
    used = [ask(before).status_code for _ in range(4)]

    assert (used, [ask(after).status_code for _ in range(3)]) == ([200] * 3 + [429], [200, 200, 429])


def test_who_waits_as_told_passes(counter, host, ask):
    client = host(counter, limit=1, window=1)
    refused = next(answer for answer in (ask(client) for _ in range(50)) if answer.status_code == 429)
    time.sleep(int(refused.headers["Retry-After"]))

    assert ask(client).status_code == 200
