"""JSON as Flask writes it, by an encoder that is made once. Flask makes one for each answer, which takes longer than to use it."""

from collections.abc import Callable
from functools import cached_property
from json import JSONEncoder
from typing import Any

from flask.json.provider import DefaultJSONProvider
from werkzeug.sansio.response import Response


class PlainJSON(DefaultJSONProvider):
    """Flask's own, always compact, members in the order in which they are given: that of the models and the documentation."""

    sort_keys = False

    @cached_property
    def _encode(self) -> Callable[[Any], str]:
        separators = (",", ":")
        encoder = JSONEncoder(default=self.default, ensure_ascii=self.ensure_ascii, separators=separators)
        return encoder.encode

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """An answer with this as its body."""
        body = f"{self._encode(self._prepare_response_obj(args, kwargs))}\n"
        return self._app.response_class(body, mimetype=self.mimetype)
