"""Flask's JSON, from an encoder that is made once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Flask, jsonify

from app.web.plain_json import PlainJSON


@dataclass
class Point:
    x: int


class Marked:
    def __html__(self):
        return "<b>"


VALUES = [
    {"b": 1, "a": [1.5, None, True]},
    "naïve",
    datetime(2026, 11, 21, tzinfo=UTC),
    Decimal("1.10"),
    UUID(int=5),
    Point(3),
    Marked(),
]


def said(provider, value):
    app = Flask(__name__)
    app.json = provider(app)
    app.json.sort_keys = False
    with app.app_context():
        return jsonify(value).get_data(), jsonify(value).mimetype


@pytest.mark.parametrize("value", VALUES, ids=[type(value).__name__ for value in VALUES])
def test_it_writes_what_flask_writes(value):
    assert said(PlainJSON, value) == said(Flask.json_provider_class, value)


def test_what_cannot_be_written_is_a_type_error():
    with pytest.raises(TypeError, match="not JSON serializable"):
        said(PlainJSON, object())
