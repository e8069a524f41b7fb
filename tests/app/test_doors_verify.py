"""What a service asks: the plainest question is read by a shorter way, and means what it means to the longer one."""

import json

import pytest
from pydantic import ValidationError

from app.decision import PLAIN
from app.doors.verify import Question, Services, parts_of, read

KEY = "tg_test_aaaaaaaaaaaa_bbbbbbbb"
BODIES = (
    f'{{"key":"{KEY}"}}',
    f'{{"key": "{KEY}"}}',
    f' {{ "key" : "{KEY}" }} ',
    '{"key":"caf\\u00e9"}',
    '{"key":"é"}',
    '{"key":""}',
    f'{{"key":"{KEY}","cost":3,"scope":"a b","feature":"x","peek":true}}',
    f'{{"key":"{KEY}","key":"other"}}',
    json.dumps({"key": "k" * 500}),
)


@pytest.mark.parametrize("body", BODIES)
def test_a_question_means_the_same_by_either_way(body):
    assert read(body.encode()) == parts_of(Question.model_validate_json(body))


def test_the_plainest_question_costs_one():
    assert read(f'{{"key":"{KEY}"}}'.encode()) == (KEY, PLAIN)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"key":1}', b'{"key":"k"}x', b'{"key":"k","more":1}', b'{"key":"\xff"}']
)
def test_what_is_no_question_is_refused(body):
    with pytest.raises(ValidationError):
        read(body)


TOKENS = [Question(key=token).key for token in ("token-1", "token-2")]  # secrets, as the settings hold them


@pytest.mark.parametrize("given", ["Bearer token-1", "Bearer token-2", "bearer token-1", "Bearer  token-2 "])
def test_a_service_is_known_by_any_of_the_tokens(given):
    assert Services(TOKENS).refusal(given) is None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, "unauthorized"),
        ("", "unauthorized"),
        ("Bearer", "unauthorized"),
        ("Basic token-1", "unauthorized"),
        ("Bearer token-3", "forbidden"),
        ("Bearer tøken-1", "forbidden"),
        ("Bearer token-1x", "forbidden"),
    ],
)
def test_whoever_is_not_known_is_refused(given, code):
    assert Services(TOKENS).refusal(given) == code


def test_without_tokens_nobody_is_a_service():
    assert Services([]).refusal("Bearer ") == "forbidden"
