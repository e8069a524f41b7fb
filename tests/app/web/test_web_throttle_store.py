"""Limits of anonymous requests are counted where the gate counts, whichever kind of Redis that is."""

from uuid import uuid4

import pytest
from flask import Flask
from flask_limiter import Limiter

from app import create_app
from app.web import throttle
from app.web.throttle_store import store_of


@pytest.fixture(params=["server", "cluster"])
def settings_changes(request):
    alone = request.param == "server"
    url = request.getfixturevalue("redis_url") if alone else request.getfixturevalue("redis_cluster").url
    return {"redis_url": url}


def test_what_one_process_counted_another_one_knows(web_tollgate):
    processes = [create_app(tollgate=web_tollgate).test_client() for _ in range(2)]
    asked = {"email": f"{uuid4().hex}@example.com"}
    statuses = [process.post("/v1/orders/recover", json=asked).status_code for process in processes * 2]

    assert statuses == [202, 202, 202, 429]


def test_a_cluster_that_does_not_answer_is_not_waited_for():
    assert store_of("redis+cluster://127.0.0.1:1,127.0.0.1:2") == ("memory://", {})


def test_tls_is_told_in_an_option():
    address, options = store_of("rediss+sentinel://a,b/main")

    assert (address, options["ssl"]) == ("redis+sentinel://a,b/main", True)


def test_hooks_that_are_not_the_limiters_are_not_moved():
    app, limiter = Flask("trial"), Limiter(throttle.caller, storage_uri="memory://")
    limiter.init_app(app)
    app.before_request(lambda: None)
    with pytest.raises(RuntimeError):
        throttle.keep_to_blueprints(app, limiter)
