"""gunicorn's threaded worker, with four things more (and a fifth: `app.servers.lingering`).

An answer that may wait (`app.servers.resting`) does so without a thread. An answer whose body is there leaves in one packet:
gunicorn sends head and body apart. What cannot be read is repeated neither in the log nor in the answer. And a worker that is told
to stop leaves nobody waiting at its door. The names inside gunicorn that this needs are those of version 27, under test with the
real one (tests/journeys/test_journey_floods.py, test_journey_servers.py, test_journey_stopping.py). gunicorn's own access log
leaves out answers that waited, and what could not be read.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import ParseException
from gunicorn.http.wsgi import Response

from app.servers import resting
from app.servers.lingering import LingeringWorker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from gunicorn.workers.gthread import TConn


class Later(BaseException):  # gunicorn handles every Exception itself
    """An answer on its way out of gunicorn's code, unsent."""

    def __init__(self, response: Response, body: list[bytes]) -> None:
        super().__init__()
        self.response = response
        self.body = body


class OnePacket:
    """The socket of one answer: its head waits for its body."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._head: bytes | None = None

    def sendall(self, data: bytes) -> None:
        """Keep what comes first, send it with what comes next."""
        if self._head is None:
            self._head = data
        else:
            self._sock.sendall(self._head + data)
            self._head = b""


class Worker(LingeringWorker):
    """One process with its threads. `_call`, `handle`, `handle_error` and `_send` run in one of them, everything else in the main thread."""

    wsgi: WSGIApplication

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._unsent: dict[TConn, Later] = {}  # of requests that just ended
        self._waiting: deque[tuple[float, TConn, Later]] = deque()  # and when each is due
        self._pace = resting.Pace()

    def load_wsgi(self) -> None:
        """Put ourselves around the application."""
        super().load_wsgi()
        self._application, self.wsgi = self.wsgi, self._call

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 (gunicorn's)
        """On the way out take who waits at the door, and close it: gunicorn lets more come, whom it resets when its last connection is gone."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            taken = -1
            while taken < self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)
            listener.close()

    def _call(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._application(environ, start_response)
        response: Any = getattr(start_response, "__self__", None)
        if type(body) is not list or type(response) is not Response:  # made on the way; HTTP/2
            return body
        if is_one_piece(environ["REQUEST_METHOD"], response, body):
            response.sock = OnePacket(response.sock)
        if resting.MAY_WAIT in environ and len(self._waiting) < resting.MOST:
            raise Later(response, body)
        return body

    def handle(self, conn: TConn) -> object:
        """Answer a request, or leave its answer for later."""
        try:
            return super().handle(conn)
        except Later as later:
            self._unsent[conn] = later
            return False

    def handle_error(self, _req: object, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what cannot be read. The text of the request stays out of it, because keys stand in it."""
        super().handle_error(None, client, addr, wordless(exc) if isinstance(exc, ParseException) else exc)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """What becomes of a connection after its request."""
        later = self._unsent.pop(conn, None)
        if later is None:
            super().finish_request(conn, fs)
            return
        self._waiting.append((self._pace.due(time.monotonic()), conn, later))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Until something happens, for so many seconds at most."""
        if self._waiting:
            timeout = min(timeout, max(0.0, self._waiting[0][0] - time.monotonic()))
        super().wait_for_and_dispatch_events(timeout)
        while self._waiting and (not self.alive or self._waiting[0][0] <= time.monotonic()):
            _, conn, later = self._waiting.popleft()
            sending = self.tpool.submit(self._send, conn, later)
            sending.add_done_callback(lambda sent, conn=conn: self.method_queue.defer(self.finish_request, conn, sent))

    def _send(self, conn: TConn, later: Later) -> bool:
        """Give an answer; whether its connection goes on."""
        if not self.alive:
            later.response.force_close()
        for piece in later.body:
            later.response.write(piece)
        later.response.close()
        return bool(self._keepalive_after(conn, not later.response.should_close()))


def is_one_piece(method: str, response: Response, body: list[bytes]) -> bool:
    """Whether gunicorn will send all of a body, and in one piece, after the head."""
    if response.headers_sent or method == "HEAD" or response.status_code < 200 or response.status_code in (204, 304):
        return False
    return len(body) == 1 and len(body[0]) == response.response_length > 0


def wordless(error: ParseException) -> ParseException:
    """A mistake of the same kind, with the name of that instead of what the client sent."""
    kind: Any = type(error)
    named: Any = type(kind.__name__, (kind,), {"__str__": lambda _error: kind.__name__})
    return named.__new__(named)
