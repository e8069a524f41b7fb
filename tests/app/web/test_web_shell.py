"""What stands around every answer: its request id, one line in the log, and no form without its token."""

import json
import multiprocessing
from itertools import repeat

import pytest
from flask import Response
from werkzeug.test import create_environ

from app.audit import request_id as audited_id
from app.logs import choose_request_id
from app.web.shell import WholeResponse


@pytest.fixture
def client(lines, web):
    """Its lines can be read."""
    return web.test_client()


def test_a_sane_request_id_is_kept_and_answered(client):
    answer = client.get("/v1/orders/ord_x", headers={"X-Request-Id": "trace-1234"})

    assert answer.headers["X-Request-Id"] == "trace-1234"
    assert answer.json["request_id"] == "trace-1234"


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space 1", "<script>alert", 'quoted"12345'])
@pytest.mark.parametrize("path", ["/healthz", "/v1/authz"])
def test_any_other_request_id_is_replaced(client, path, given):
    answer = client.get(path, headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"].startswith("req_")


def test_a_request_id_ends_with_its_request(client):
    client.get("/v1/plans")

    assert audited_id.get() is None


def test_a_request_leaves_one_line_without_its_query(client, lines):
    client.get("/v1/plans?token=b7Kd2Wq9", headers={"X-Request-Id": "trace-1234"})

    line = json.loads(lines())
    assert (line["path"], line["status"], line["request_id"]) == ("/v1/plans", 200, "trace-1234")
    assert "b7Kd2Wq9" not in lines()


@pytest.mark.parametrize("path", ["/v1/whoami", "/v1/authz", "/healthz"])
def test_the_hot_path_and_health_checks_leave_no_line(client, lines, path, working_key):
    lines()
    client.get(path, headers={"X-API-Key": working_key})

    assert "request" not in lines()


def test_no_form_is_taken_without_its_token(client, web):
    forms = [rule for rule in web.url_map.iter_rules() if "POST" in rule.methods and not rule.rule.startswith("/v1/")]
    paths = [rule.rule.replace("<id('ord'):order_id>", "ord_1") for rule in forms]

    answers = {path: client.post(path).status_code for path in paths}

    assert len(paths) > 5
    assert set(answers.values()) == {400}, answers


def test_a_request_id_is_told_once_whatever_a_view_passes_on(web, client):
    web.get("/passed-on")(lambda: ("ok", {"x-request-id": "somebody-elses"}))
    answer = client.get("/passed-on", headers={"X-Request-Id": "trace-1234"})

    assert answer.headers.getlist("X-Request-Id") == ["trace-1234"]


def test_a_service_token_that_is_wrong_leaves_a_line(client, lines):
    lines()
    client.post("/v1/keys/verify", json={"key": "k"}, headers={"Authorization": "Bearer no-token-of-ours"})

    assert json.loads(lines())["status"] == 403


def body_of(web, path, method="GET"):
    """As the server gets it."""
    return web.wsgi_app(create_environ(path, method=method), lambda *_: None)


@pytest.mark.parametrize(("method", "size"), [("GET", 1), ("HEAD", 0)])
def test_a_body_that_is_there_is_handed_over_as_a_list(web, method, size):
    body = body_of(web, "/v1/plans", method)

    assert (type(body), len(body)) == (list, size)


def test_a_body_that_is_made_on_the_way_is_not_collected(web):
    web.add_url_rule("/endless", view_func=lambda: Response(repeat(b"x")))

    assert next(iter(body_of(web, "/endless"))) == b"x"


def test_what_is_to_be_done_at_the_end_of_an_answer_is_done(web):
    done, answer = [], WholeResponse("x")
    answer.call_on_close(lambda: done.append(True))
    web.add_url_rule("/closing", view_func=lambda: answer)

    assert (body_of(web, "/closing"), done) == ([b"x"], [True])


def id_in_a_fork(told):
    told.put(choose_request_id(""))


def test_forked_workers_do_not_repeat_each_others_request_ids():
    fork = multiprocessing.get_context("fork")
    told = fork.SimpleQueue()
    workers = [fork.Process(target=id_in_a_fork, args=(told,)) for _ in range(3)]
    [(worker.start(), worker.join()) for worker in workers]

    assert len({told.get() for _ in workers}) == 3
