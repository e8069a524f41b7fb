"""What stands around every answer: request id, security headers, the limits that were counted, a line in the log.

A WSGI layer and not Flask's hooks: each of those costs a gated request as much as looking up its key.
"""

from __future__ import annotations  # what stands at a function inside a function would be worked out for each request

import logging
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response

from app import audit
from app.logs import HEADER, choose_request_id
from app.ratelimit_headers import headers_of
from app.tollgate import Tollgate
from app.web.security import Headers, Policies
from keystore.plans import Count

COUNTED = "tollgate.count"  # in the environ: what the gate counted, None where it refused before counting
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
GIVEN_ID = "HTTP_X_REQUEST_ID"

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Put it around the application and everything that was put around it before."""
    tollgate: Tollgate = app.extensions["tollgate"]
    app.wsgi_app = Shell(app.wsgi_app, Policies(tollgate.settings))  # type: ignore[method-assign]  # as Flask's documentation says to


class WholeResponse(Response):
    """Flask's, but a body that is there is handed over as a list, which both servers send at once and in one piece."""

    def get_app_iter(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        """The body as WSGI wants it. What is to be done when it is closed is done now, before it is sent."""
        if not self.is_sequence:
            return super().get_app_iter(environ)
        bodiless = environ["REQUEST_METHOD"] == "HEAD" or self.status_code in (204, 304)
        pieces = [] if bodiless else [*self.iter_encoded()]
        self.close()
        return pieces


class Shell:
    """A WSGI application around another one."""

    def __init__(self, application: WSGIApplication, policies: Policies) -> None:
        self._application = application
        self._policies = policies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        started = time.perf_counter()
        request_id = environ[GIVEN_ID] = choose_request_id(environ.get(GIVEN_ID, ""))
        seen = ""

        def start(status: str, headers: Headers, exc_info: ExcInfo | None = None, /) -> Callable[[bytes], object]:
            nonlocal seen
            seen = status
            headers = self._policies.add_to(headers, environ["PATH_INFO"])
            headers.append((HEADER, request_id))
            count: Count | None = environ.get(COUNTED)
            if count is not None:
                headers += headers_of(count).items()
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        audit.request_id.set(request_id)
        try:
            body = self._application(environ, start)
            write_line(environ, seen, started)
        finally:
            audit.request_id.set(None)  # threads are reused: the next request must not inherit this one's id
        return body


def write_line(environ: WSGIEnvironment, status: str, started: float) -> None:
    """Of one request. Gated ones are the hot path and health checks are noise: unless they fail, their lines are for DEBUG only."""
    path = environ["PATH_INFO"]
    quiet = (COUNTED in environ and status < "5") or path in QUIET_PATHS
    level = logging.DEBUG if quiet else logging.INFO
    if log.isEnabledFor(level):
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        told = {"method": environ["REQUEST_METHOD"], "path": path, "status": int(status[:3]), "ms": milliseconds}
        log.log(level, "request", extra=told)
