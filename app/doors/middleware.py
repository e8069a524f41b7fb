"""A gate in front of any WSGI application (PEP 3333): Django, Flask, bare functions.

    application = TollgateMiddleware(application, verifier=HttpVerifier("http://tollgate:8000", service_token))

The application finds who is calling in `environ["tollgate"]` (as `POST /v1/keys/verify` answers it) and in the request
headers X-Tollgate-Plan, X-Tollgate-Owner and so on. What clients send under those names is thrown away.
"""

import json
from collections.abc import Callable, Iterable
from http import client
from typing import Any, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from app import refusals
from app.decision import Decision, RequestHeaders, Toll, key_text
from app.doors.answers import Answer, answer_of, identity_headers, limit_headers
from app.instances import instance_of

OURS = "HTTP_X_TOLLGATE_"
RETRY_SECONDS = "5"


class CannotVerify(Exception):
    """Nobody could say whether the key is good. The request must not pass."""


class Verifier(Protocol):
    """Whoever knows keys."""

    def verify(self, key: str, toll: Toll) -> Answer:
        """The answer of `POST /v1/keys/verify`. Raises CannotVerify."""


def everything(_environ: WSGIEnvironment) -> Toll:
    """Every request needs a key and costs one."""
    return Toll()


class TollgateMiddleware:
    """Lets a request pass when its key may. `protect` says what a request has to pay and show; None: it is open to all."""

    def __init__(
        self,
        application: WSGIApplication,
        *,
        verifier: Verifier,
        protect: Callable[[WSGIEnvironment], Toll | None] = everything,
    ) -> None:
        self._application = application
        self._verifier = verifier
        self._protect = protect

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        for forged in [name for name in environ if name.startswith(OURS)]:
            del environ[forged]
        toll = self._protect(environ)
        if toll is None:
            return self._application(environ, start_response)
        try:
            answer = self._ask(environ, toll)
        except CannotVerify:
            return _unavailable(environ, start_response)
        headers = limit_headers(answer)
        if not answer["valid"]:
            headers |= _challenge(answer["problem"], toll.scope)
            return _refuse(environ, start_response, problem=answer["problem"], headers=headers)
        environ["tollgate"] = answer
        environ.update({_variable(name): value for name, value in identity_headers(answer).items()})
        return self._application(environ, _adding(headers, start_response))

    def _ask(self, environ: WSGIEnvironment, toll: Toll) -> Answer:
        text = key_text(RequestHeaders(environ))
        return answer_of(text, base=None) if isinstance(text, Decision) else self._verifier.verify(text, toll)


def _variable(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def _challenge(problem: dict[str, Any], scope: str | None) -> dict[str, str]:
    if problem["code"] in refusals.KINDS:
        return refusals.challenge(problem["code"], scope)
    # Of a newer Tollgate. Every 401 has to have one (RFC 9110), and there was a key.
    return refusals.challenge("invalid_key", None) if problem["status"] == 401 else {}


def _adding(more: dict[str, str], start_response: StartResponse) -> StartResponse:
    """The limits go on whatever the application answers."""

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
        return start_response(status, [*headers, *more.items()], *exc_info)

    return start


def _unavailable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    problem = refusals.document("unavailable", base=None, detail="Keys cannot be checked right now.")
    return _refuse(environ, start_response, problem=problem, headers={"Retry-After": RETRY_SECONDS})


def _refuse(
    environ: WSGIEnvironment, start_response: StartResponse, *, problem: dict[str, Any], headers: dict[str, str]
) -> Iterable[bytes]:
    status = problem["status"]
    body = json.dumps({**problem, "instance": instance_of(environ)}).encode()
    told = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        **headers,
    }
    start_response(f"{status} {client.responses.get(status, 'Refused')}", [*told.items()])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]
