"""The two hot doors, `POST /v1/keys/verify` and `GET /v1/authz`, answered before Flask and its shell: the same functions, the same answers.

Only what is plain is answered here. Whatever is odd (another method, no JSON, a wrong token) goes on to Flask with its body
as it came, and what was raised on the way is given to Flask's error handlers, so that `app.errors` alone decides what errors look like.
"""

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from io import BytesIO
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from pydantic import ValidationError
from pydantic_core import to_json
from werkzeug.exceptions import ClientDisconnected

from app import audit
from app.decision import RequestHeaders
from app.doors import authorize, verify
from app.doors.answers import written
from app.gate import Gate
from app.logs import HEADER, choose_request_id
from app.steps import Steps, at_once
from app.web.one_process import OneProcess
from app.web.reading import API_BODY
from app.web.security import Policies
from app.web.shell import COUNTED, GIVEN_ID, Shell, log, write_line

JSON = ("application/json", "application/json; charset=utf-8")
STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
RAISED = "tollgate.raised"  # in the environ: what Flask's error handlers are to answer

RUN = "run"  # of a server's start_response: runs steps without keeping the thread that came with the request

Answer = tuple[int, str, bytes, dict[str, str]]  # status, content type, body, more headers
Door = Callable[[WSGIEnvironment, str], Steps[Answer | None]]
Run = Callable[[Steps[Iterable[bytes]]], Iterable[bytes]]


def init_app(app: Flask) -> None:
    """Stand in front of Flask."""
    app.wsgi_app = FastDoors(app)  # type: ignore[method-assign]  # as Flask's documentation says to
    settings = app.extensions["tollgate"].settings
    if not settings.redis_url:
        app.wsgi_app = OneProcess(app.wsgi_app, base=settings.public_url)  # type: ignore[method-assign]


class FastDoors:
    """A WSGI application in front of Flask's."""

    def __init__(self, app: Flask) -> None:
        settings = app.extensions["tollgate"].settings
        policies = Policies(settings)
        self._app = app
        self._flask = app.wsgi_app
        self._apology = Shell(self._apologize, policies)
        self._always = policies.of_data
        self._services = verify.Services(settings.service_tokens)
        self._doors: dict[str, tuple[str, Door]] = {
            verify.PATH: ("POST", self._verify),
            authorize.PATH: ("GET", self._authorize),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        method, door = self._doors.get(environ["PATH_INFO"], ("", None))
        if door is None or environ["REQUEST_METHOD"] != method:
            return self._flask(environ, start_response)
        run: Run = getattr(start_response, RUN, at_once)
        return run(self._answer(door, environ, start_response))

    def _answer(self, door: Door, environ: WSGIEnvironment, start_response: StartResponse) -> Steps[Iterable[bytes]]:
        started = time.perf_counter()
        request_id = environ[GIVEN_ID] = choose_request_id(environ.get(GIVEN_ID, ""))
        audit.request_id.set(request_id)
        try:
            answer = yield from door(environ, request_id)
        except Exception as error:  # noqa: BLE001 (Flask's to answer)
            environ[RAISED] = error
            return self._apology(environ, start_response)
        else:
            if answer is not None and log.isEnabledFor(logging.DEBUG):
                environ[COUNTED] = None  # the limits are part of these answers
                write_line(environ, STATUS[answer[0]], started)
        finally:
            audit.request_id.set(None)
        if answer is None:
            return self._flask(environ, start_response)
        status, content_type, body, headers = answer
        told = [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers.items(), *self._always]
        told.append((HEADER, request_id))
        start_response(STATUS[status], told)
        return [body] if body else []

    def _apologize(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._app.request_context(environ):
            answer = self._app.handle_user_exception(environ.pop(RAISED))
            return self._app.finalize_request(answer, from_error_handler=True)(environ, start_response)

    @property
    def _gate(self) -> Gate:
        gate: Gate = self._app.extensions["gate"]
        return gate

    def _verify(self, environ: WSGIEnvironment, request_id: str) -> Steps[Answer | None]:
        length = environ.get("CONTENT_LENGTH") or ""
        if environ.get("CONTENT_TYPE") not in JSON or not length.isdecimal() or int(length) > API_BODY:
            return None
        if self._services.refusal(environ.get("HTTP_AUTHORIZATION")):
            return None
        try:
            body = environ["wsgi.input"].read(int(length))
        except OSError as error:  # the client fell silent in the middle of it
            raise ClientDisconnected from error
        try:
            key, toll = verify.read(body)
        except ValidationError:
            environ["wsgi.input"] = BytesIO(body)
            return None
        gate = self._gate
        decision = yield from gate.deciding(key, toll)
        verify.check_it_fits(toll, decision)
        return 200, "application/json", written(decision, base=gate.public_url, request_id=request_id), {}

    def _authorize(self, environ: WSGIEnvironment, request_id: str) -> Steps[Answer]:
        query = environ.get("QUERY_STRING", "")
        told = partial(self._app.extensions["refused_keys"].told, environ=environ)
        headers = RequestHeaders(environ)
        reply = yield from authorize.authorizing(self._gate, headers, query=query, request_id=request_id, told=told)
        if reply.problem is None:
            return reply.status, "text/html; charset=utf-8", b"", reply.headers
        return reply.status, "application/problem+json", to_json(reply.problem), reply.headers
