"""Log lines: JSON, tied together by a request id, and without a secret in them."""

import json
import logging

import pytest
import structlog

from app import logs

KEY = "tg_live_4fJkQ2mZx8Lw_" + "A1b2" * 12 + "c"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"called with {KEY}", KEY[-49:]),
        (f"a shop's own prefix {KEY.replace('tg_', 'shop9_')}", KEY[-49:]),
        ("sk_live_4eC39HqLyjWDarjtT1zd", "4eC39HqLyjWDarjtT1zd"),
        ("rk_test_4eC39HqLyjWDarjtT1zd", "4eC39HqLyjWDarjtT1zd"),
        ("whsec_9fK2mVx7Qa4Zt1Lr+/=", "9fK2mVx7Qa4Zt1Lr"),
        ("Authorization: token b7Kd2Wq9", "b7Kd2Wq9"),
        ("{'Authorization': 'Bearer b7Kd2Wq9'}", "b7Kd2Wq9"),
        ('{"Idempotency-Key": "8e03978e-40d5"}', "8e03978e-40d5"),
        ("[('X-API-Key', 'b7Kd2Wq9')]", "b7Kd2Wq9"),
        ("Cookie: a=1; __Host-tg_ord=b7Kd2Wq9", "b7Kd2Wq9"),
        ("Bearer b7Kd2Wq9Zx4Lm1Rv0011", "b7Kd2Wq9Zx4Lm1Rv0011"),
        ("https://x/?token=b7Kd2Wq9Zx4Lm1Rv0011", "b7Kd2Wq9Zx4Lm1Rv0011"),
        ("postgresql+psycopg://tollgate:hunter2@db/tollgate", "hunter2"),
        ("redis://:hunter2@cache:6379/0", "hunter2"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text, secret):
    assert secret not in logs.redact(text)


def test_the_public_part_of_a_key_stays():
    assert logs.redact(KEY) == "tg_live_4fJkQ2mZx8Lw_[secret]"


@pytest.mark.parametrize(
    "text",
    [
        "order ord_4fJkQ2mZx8Lw of plan pro",
        "authorization failed",
        "https://pay.shop.dev:8443/orders/ord_1",
        "the token was sent",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert logs.redact(text) == text


def test_a_line_is_json_with_name_level_and_time(lines):
    logging.getLogger("app.x").warning("hello %s", "there", extra={"order": "ord_1"})

    line = json.loads(lines())
    assert (line["event"], line["logger"], line["level"], line["order"]) == ("hello there", "app.x", "warning", "ord_1")
    assert line["timestamp"].endswith("Z")


def test_secrets_in_arguments_extras_and_tracebacks_are_taken_out(lines):
    logging.getLogger("app.x").error("with %s", KEY, extra={"also": KEY}, exc_info=ValueError(KEY))

    assert KEY not in lines()
    assert lines().count("[secret]") >= 3


def test_structlogs_own_loggers_write_the_same_lines(lines):
    structlog.get_logger("app.y").info("hello", key=KEY)

    assert json.loads(lines())["key"] == "tg_live_4fJkQ2mZx8Lw_[secret]"


def test_setting_up_twice_writes_each_line_once(lines):
    logs.configure("INFO")
    logging.getLogger("app.x").info("once")

    assert lines().count("once") == 1


@pytest.mark.parametrize("name", ["stripe", "urllib3.connectionpool"])
def test_libraries_that_log_whole_requests_are_kept_quiet(lines, name):
    logging.getLogger(name).debug("POST /v1/orders card=…")

    assert lines() == ""
