"""Reading request bodies: what is not a JSON object in UTF-8 is refused before anybody looks into it."""

import json
from typing import Any, NoReturn

from flask import Request, Response
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.errors import invalid

API_BODY = 64 * 1024
WEBHOOK_BODY = 1024 * 1024  # Stripe's largest events run to a quarter of that


class StrictRequest(Request):
    """Reads JSON strictly, and says 400 where Flask's silent reading would hand out None."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 (Werkzeug's signature)
        """The body as an object; an empty body is an empty object. Raises BadRequest, UnsupportedMediaType."""
        body = self.get_data()
        if not body.strip():
            return {}
        if not self.is_json:
            raise UnsupportedMediaType("send application/json")
        try:
            value = json.loads(body.decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise BadRequest("the body is not JSON in UTF-8, or is nested too deeply") from None
        if not isinstance(value, dict):
            raise BadRequest("the body has to be a JSON object")
        return value


def _refuse(_constant: str) -> NoReturn:
    """NaN and Infinity are no JSON."""
    raise ValueError


def refusal(error: ValidationError) -> Response:
    """What pydantic found, as our problem. Its `input` stays out: it may hold a secret."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    pairs = [(_pointer(item["loc"]), item["msg"].removeprefix("Value error, ")) for item in details]
    return invalid(pairs)


def _pointer(place: tuple[int | str, ...]) -> str:
    """A JSON pointer. Names of fields that we do not know are the caller's own text: long ones are cut."""
    return "".join(f"/{str(step).encode('ascii', 'replace').decode()[:40]}" for step in place) or "/"
