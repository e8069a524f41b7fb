"""gunicorn's threaded worker, with one thing more: an answer that may wait (`app.web.resting`) does so without a thread.

It then closes its connection. What this needs of gunicorn is tested with the real one (tests/journeys/test_journey_floods.py).
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from gunicorn.http.wsgi import Response
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.web import resting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Later(BaseException):  # gunicorn handles every Exception itself
    """An answer on its way out of gunicorn's code, unsent."""

    def __init__(self, response: Response, body: Iterable[bytes]) -> None:
        super().__init__()
        self.response = response
        self.body = body


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """One process with its threads. `handle` and what it calls run in one of them, everything else in the main thread."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._later: dict[TConn, Later] = {}
        self._waiting: deque[tuple[TConn, Later]] = deque()
        self._due = 0.0  # when the first of them is given

    def load_wsgi(self) -> None:
        """Put ourselves around the application."""
        super().load_wsgi()
        self._application: WSGIApplication = self.app.wsgi()  # which knows it by now
        self.wsgi = self._call

    def _call(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._application(environ, start_response)
        response = getattr(start_response, "__self__", None)
        if resting.PLACE in environ and type(response) is Response and len(self._waiting) < resting.MOST:
            raise Later(response, body)
        return body

    def handle(self, conn: TConn) -> object:
        """Answer a request, or keep its answer for later."""
        try:
            return super().handle(conn)
        except Later as later:
            self._later[conn] = later
            return False

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """What becomes of a connection after its request."""
        later = self._later.pop(conn, None)
        if later is None:
            super().finish_request(conn, fs)
            return
        if not self._waiting:
            self._due = time.monotonic() + resting.GAP
        self._waiting.append((conn, later))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Until something happens, for so many seconds at most."""
        if self._waiting:
            timeout = min(timeout, max(0.0, self._due - time.monotonic()))
        super().wait_for_and_dispatch_events(timeout)
        while self._waiting and (not self.alive or self._due <= time.monotonic()):
            self._due += resting.GAP
            conn, later = self._waiting.popleft()
            self.tpool.submit(_send, later).add_done_callback(lambda given, conn=conn: self._sent(conn, given))

    def _sent(self, conn: TConn, given: Future[bool]) -> None:
        self.method_queue.defer(super().finish_request, conn, given)


def _send(later: Later) -> bool:
    later.response.force_close()
    for piece in later.body:
        later.response.write(piece)
    later.response.close()
    return False  # the connection is not kept
