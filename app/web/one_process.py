"""Who counts in memory has to be alone. Servers that did not read our configuration say here, with each request, whether it is."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from pydantic_core import to_json

from app import refusals
from app.servers.command_line import ONE_COUNTER

WHY = ONE_COUNTER.format("Several")


class OneProcess:
    """A WSGI application in front of another, which answers nothing where there are several of it."""

    def __init__(self, application: WSGIApplication, *, base: str) -> None:
        self._application = application
        self._refusal = to_json(refusals.document("unavailable", base=base, detail=WHY))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        if not environ.get("wsgi.multiprocess"):
            return self._application(environ, start_response)
        length = ("Content-Length", str(len(self._refusal)))
        start_response("503 Service Unavailable", [("Content-Type", "application/problem+json"), length])
        return [self._refusal]
