"""Reading request bodies: what is not a JSON object in UTF-8 is refused before anybody looks into it."""

import json
from typing import IO, Any, NoReturn, cast

from flask import Request, Response
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream, get_input_stream

from app.errors import invalid

API_BODY = 64 * 1024
WEBHOOK_BODY = 1024 * 1024  # Stripe's largest events run to a quarter of that


class Arriving(LimitedStream):
    """A body as it comes in, in chunks for example. Of one that is too large Werkzeug's own would hand out what fits, as if that were all."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        super().__init__(stream, most + 1, is_max=True)  # one more, to see that there is more

    def readinto(self, b: bytearray) -> int | None:  # type: ignore[override]  # as Werkzeug's
        """Read some of it."""
        try:
            return super().readinto(b)
        except HTTPException:
            raise
        except Exception as error:  # each server has its own for what is no chunk
            raise BadRequest("the body breaks off, or its chunks are malformed") from error

    def readall(self) -> bytes:
        """Read the rest of it."""
        body = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return body


class StrictRequest(Request):
    """Reads JSON strictly, and says 400 where Flask's silent reading would hand out None."""

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, no more of it than this endpoint takes."""
        checked = get_input_stream(self.environ, max_content_length=self.max_content_length)
        if self.max_content_length is None or "wsgi.input_terminated" not in self.environ:
            return checked
        return cast("IO[bytes]", Arriving(self.input_stream, self.max_content_length))

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
