"""What stands between granian and the WSGI application in each worker: as granian's own, with one thing more: answers that may wait.

Those that say to wait (to a flood of refused keys) are given a while later, by a thread of their own: none that answers is held up.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from app.servers import resting
from app.servers.command_line import workers_of

Headers = list[tuple[str, str]]

log = logging.getLogger(__name__)

ENVIRON: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "granian",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,  # what Werkzeug asks for: granian's input ends where the body does
    "wsgi.multiprocess": workers_of(sys.argv, {}) > 1,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


class Client(Protocol):
    """granian's end of one request. Any thread may answer it, once."""

    def response_bytes(self, status: int, headers: Headers, body: bytes, /) -> None:
        """Answer with a whole body."""

    def response_iter(self, status: int, headers: Headers, body: Any, /) -> None:
        """Answer with a body that is told piece by piece."""


class Begun:
    """What the application passed to start_response."""

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.status: int = 500
        self.headers: Headers = []

    def __call__(self, status: str, headers: Headers, _exc_info: object = None, /) -> None:
        """Be called by it."""
        self.status, self.headers = int(status[:3]), headers


class Pieces:
    """A body that is told piece by piece, as granian wants it."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.__next__ = iter(body).__next__

    def close(self) -> None:
        """At its end, or when nobody listens any more."""
        if hasattr(self._body, "close"):
            self._body.close()


class Resting:
    """Answers that are given later, each in its turn, by one thread."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[float, Callable[[], None]]] = SimpleQueue()
        self._pace = resting.Pace()
        Thread(target=self._give, name="resting", daemon=True).start()

    def take(self, answer: Callable[[], None]) -> bool:
        """Whether there was room for one more."""
        if self._waiting.qsize() >= resting.MOST:
            return False
        self._waiting.put((self._pace.due(time.monotonic()), answer))
        return True

    def _give(self) -> None:
        while True:
            due, answer = self._waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                answer()
            except Exception:
                log.exception("an answer that waited was not given")


def wrap(application: Callable[..., Any], *_options: object) -> Callable[[Client, dict[str, Any]], int]:
    """In the place of granian's own function of that shape. Its access log and path prefix are left out: `tollgate serve` uses neither."""
    waiting = Resting()
    if parent := parent_process():  # none where nobody forked
        Thread(target=_end_with, args=(parent.pid,), name="parent", daemon=True).start()

    def answer(client: Client, scope: dict[str, Any]) -> int:
        begun = Begun()
        environ = ENVIRON | scope
        body = application(environ, begun)
        if not isinstance(body, list):
            client.response_iter(begun.status, begun.headers, Pieces(body))
        elif resting.MAY_WAIT not in environ or not waiting.take(partial(_give, client, begun, body)):
            _give(client, begun, body)
        return begun.status

    return answer


def _end_with(parent: int) -> None:
    """Stop in order when the parent was killed: its workers would go on listening, beside those of whoever is started next.

    Told again each second: who is only just starting does not listen to signals yet.
    """
    while True:
        time.sleep(1)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def _give(client: Client, begun: Begun, body: list[bytes]) -> None:
    client.response_bytes(begun.status, begun.headers, b"".join(body))
