"""The two hot doors, `POST /v1/keys/verify` and `GET /v1/authz`, answered before Flask's routing: the same functions, the same answers.

Only what is plain is answered here. Whatever is odd (another method, no JSON, a wrong token) goes on to Flask with its body
as it came, and what was raised on the way is raised again in there, so that `app.errors` alone decides what errors look like.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from io import BytesIO
from typing import NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, request
from pydantic import ValidationError
from pydantic_core import to_json

from app import audit
from app.doors import authorize, verify
from app.gate import Gate
from app.logs import HEADER, choose_request_id
from app.tollgate import Tollgate
from app.web.reading import API_BODY
from app.web.security import api_headers

RAISED = "tollgate.raised"
JSON = ("application/json", "application/json; charset=utf-8")
STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class Answer(NamedTuple):
    """What goes out."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str]


Door = Callable[[WSGIEnvironment, str], Answer | None]


def init_app(app: Flask) -> None:
    """Stand in front of Flask. At DEBUG every request has its line in the log, and those are Flask's."""
    tollgate: Tollgate = app.extensions["tollgate"]
    if tollgate.settings.log_level != "DEBUG":
        app.before_request(_raise_again)
        app.wsgi_app = FastDoors(app)  # type: ignore[method-assign]  # as Flask's documentation says to


def _raise_again() -> None:
    error = request.environ.get(RAISED)
    if error is not None:
        raise error


class FastDoors:
    """A WSGI application in front of Flask's."""

    def __init__(self, app: Flask) -> None:
        self._flask = app.wsgi_app
        self._extensions = app.extensions
        self._tokens = app.extensions["tollgate"].settings.service_tokens
        self._headers = [*api_headers().items()]
        self._doors: dict[tuple[str, str], Door] = {
            ("POST", verify.PATH): self._verify,
            ("GET", authorize.PATH): self._authorize,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        door = self._doors.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if door is None:
            return self._flask(environ, start_response)
        request_id = environ["HTTP_X_REQUEST_ID"] = choose_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        audit.request_id.set(request_id)
        try:
            answer = door(environ, request_id)
        except Exception as error:  # noqa: BLE001 (Flask's to answer)
            environ[RAISED], answer = error, None
        finally:
            audit.request_id.set(None)
        if answer is None:
            return self._flask(environ, start_response)
        told = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))), (HEADER, request_id)]
        start_response(STATUS[answer.status], [*self._headers, *told, *answer.headers.items()])
        return [answer.body]

    @property
    def _gate(self) -> Gate:
        gate: Gate = self._extensions["gate"]
        return gate

    def _verify(self, environ: WSGIEnvironment, request_id: str) -> Answer | None:
        length = environ.get("CONTENT_LENGTH") or ""
        if environ.get("CONTENT_TYPE") not in JSON or not length.isdecimal() or int(length) > API_BODY:
            return None
        if verify.refusal_of_service(environ.get("HTTP_AUTHORIZATION"), self._tokens):
            return None
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = BytesIO(body)
        try:
            question = verify.Question.model_validate_json(body)
        except ValidationError:
            return None
        said = verify.verify(self._gate, question, request_id=request_id)
        return Answer(200, "application/json", to_json(said), {})

    def _authorize(self, environ: WSGIEnvironment, request_id: str) -> Answer:
        query = environ.get("QUERY_STRING", "")
        reply = authorize.authorize(self._gate, _KeyHeaders(environ), query=query, request_id=request_id)
        if reply.problem is None:
            return Answer(reply.status, "text/html; charset=utf-8", b"", reply.headers)
        return Answer(reply.status, "application/problem+json", to_json(reply.problem), reply.headers)


class _KeyHeaders:
    """The two headers that may hold a key, where WSGI keeps them."""

    _PLACES = {"X-API-Key": "HTTP_X_API_KEY", "Authorization": "HTTP_AUTHORIZATION"}  # noqa: RUF012 (nobody writes it)

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ

    def get(self, name: str, /) -> str | None:
        return self._environ.get(self._PLACES[name])
