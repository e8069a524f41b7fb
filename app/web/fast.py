"""The two hot doors, `POST /v1/keys/verify` and `GET /v1/authz`, answered before Flask's routing: the same functions, the same answers.

Only what is plain is answered here. Whatever is odd (another method, no JSON, a wrong token) goes on to Flask with its body
as it came, and what was raised on the way is given to Flask's error handlers, so that `app.errors` alone decides what errors look like.
"""

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from io import BytesIO
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from pydantic import ValidationError
from pydantic_core import to_json

from app.decision import RequestHeaders
from app.doors import authorize, verify
from app.gate import Gate
from app.logs import request_id
from app.web.reading import API_BODY
from app.web.shell import COUNTED

JSON = ("application/json", "application/json; charset=utf-8")
STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

Answer = tuple[int, str, bytes, dict[str, str]]  # status, content type, body, more headers
Door = Callable[[WSGIEnvironment], Answer | None]


def init_app(app: Flask) -> None:
    """Stand in front of Flask."""
    app.wsgi_app = FastDoors(app)  # type: ignore[method-assign]  # as Flask's documentation says to


class FastDoors:
    """A WSGI application in front of Flask's."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._flask = app.wsgi_app
        self._services = verify.Services(app.extensions["tollgate"].settings.service_tokens)
        self._doors: dict[str, tuple[str, Door]] = {
            verify.PATH: ("POST", self._verify),
            authorize.PATH: ("GET", self._authorize),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        method, door = self._doors.get(environ["PATH_INFO"], ("", None))
        if door is None:
            return self._flask(environ, start_response)
        try:
            answer = door(environ) if environ["REQUEST_METHOD"] == method else None
        except Exception as error:  # noqa: BLE001 (Flask's to answer)
            return self._apologize(error, environ, start_response)
        if answer is None:
            return self._flask(environ, start_response)
        environ[COUNTED] = None  # the limits are part of these answers
        status, content_type, body, headers = answer
        told = [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers.items()]
        start_response(STATUS[status], told)
        return [body]

    def _apologize(self, error: Exception, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._app.request_context(environ):
            response = self._app.finalize_request(self._app.handle_user_exception(error), from_error_handler=True)
            return response(environ, start_response)

    @property
    def _gate(self) -> Gate:
        gate: Gate = self._app.extensions["gate"]
        return gate

    def _verify(self, environ: WSGIEnvironment) -> Answer | None:
        length = environ.get("CONTENT_LENGTH") or ""
        if environ.get("CONTENT_TYPE") not in JSON or not length.isdecimal() or int(length) > API_BODY:
            return None
        if self._services.refusal(environ.get("HTTP_AUTHORIZATION")):
            return None
        body = environ["wsgi.input"].read(int(length))
        try:
            question = verify.Question.model_validate_json(body)
        except ValidationError:
            environ["wsgi.input"] = BytesIO(body)
            return None
        said = verify.verify(self._gate, question, request_id=request_id())
        return 200, "application/json", to_json(said), {}

    def _authorize(self, environ: WSGIEnvironment) -> Answer:
        query = environ.get("QUERY_STRING", "")
        told = partial(self._app.extensions["refused_keys"].told, environ=environ)
        headers = RequestHeaders(environ)
        reply = authorize.authorize(self._gate, headers, query=query, request_id=request_id(), told=told)
        if reply.problem is None:
            return reply.status, "text/html; charset=utf-8", b"", reply.headers
        return reply.status, "application/problem+json", to_json(reply.problem), reply.headers
