"""What stands between granian and the WSGI application in each worker: as granian's own, with two things more.

Answers that say to wait (to a flood of refused keys) are given a while later, by a thread of their own: none that answers is held up.
And while the counter is asked no thread waits, where the application works in steps: docs/decisions/0021.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from functools import partial
from multiprocessing import parent_process
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from app.servers import resting
from app.servers.command_line import workers_of
from app.steps import Question, Steps, go_on

Headers = list[tuple[str, str]]
Work = Callable[[], None]

WORKING = 4  # threads for what takes its time
FAILED = "a request failed after it was counted"
NO_ANSWER: tuple[int, Headers, bytes] = (500, [], b"")  # as granian's own, where the application fails

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
    """A request on its way: what the application passed to start_response, which this is."""

    __slots__ = ("_client", "_environ", "_threads", "headers", "is_later", "status")

    def __init__(self, client: Client, environ: dict[str, Any], threads: "Threads") -> None:
        self.status: int = 500
        self.headers: Headers = []
        self.is_later = False  # another thread answers
        self._client, self._environ, self._threads = client, environ, threads

    def __call__(self, status: str, headers: Headers, _exc_info: object = None, /) -> None:
        """Be called by the application."""
        self.status, self.headers = int(status[:3]), headers

    def run(self, steps: Steps[Iterable[bytes]]) -> Iterable[bytes]:
        """The body that they come to; none where this thread is free again, and another one gives it.

        Only the application itself is handed this object: what stands around it and adds headers hands on a start_response of its own.
        """
        context = copy_context()  # goes with the request from thread to thread
        try:
            question = context.run(next, steps)
        except StopIteration as done:
            body: Iterable[bytes] = done.value
            return body
        if question and question.later(partial(self._resume, steps, question, context)):
            self.is_later = True
            return []
        return context.run(go_on, steps, question)

    def _resume(self, steps: Steps[Iterable[bytes]], question: Question, context: Context, count: Any) -> None:
        """By the thread that hands out all counts. What would hold it up is left to others."""
        if count is None:
            self._threads.work(partial(self._wait, steps, question, context))
            return
        try:
            more = context.run(steps.send, count)
        except StopIteration as done:
            self.give(done.value)
        except Exception:
            log.exception(FAILED)
            self._client.response_bytes(*NO_ANSWER)
        else:
            self._threads.work(partial(self._wait, steps, more, context))

    def _wait(self, steps: Steps[Iterable[bytes]], question: Question | None, context: Context) -> None:
        """For whatever it takes."""
        try:
            body = context.run(go_on, steps, question)
        except Exception:
            log.exception(FAILED)
            self._client.response_bytes(*NO_ANSWER)
        else:
            self.give(body)

    def give(self, body: Iterable[bytes]) -> None:
        """The answer, now or when its turn comes."""
        if not isinstance(body, list):
            self._client.response_iter(self.status, self.headers, Pieces(body))
        elif resting.MAY_WAIT not in self._environ or not self._threads.rest(partial(self._give, body)):
            self._give(body)

    def _give(self, body: list[bytes]) -> None:
        self._client.response_bytes(self.status, self.headers, b"".join(body))


class Pieces:
    """A body that is told piece by piece, as granian wants it."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.__next__ = iter(body).__next__

    def close(self) -> None:
        """At its end, or when nobody listens any more."""
        if hasattr(self._body, "close"):
            self._body.close()


class Threads:
    """What is done by no thread of granian's: answers that are given later, each in its turn, and what takes its time."""

    def __init__(self) -> None:
        self._resting: SimpleQueue[tuple[float, Work]] = SimpleQueue()
        self._pace = resting.Pace()
        self._work: SimpleQueue[Work] = SimpleQueue()
        Thread(target=self._give, name="resting", daemon=True).start()
        for _ in range(WORKING):
            Thread(target=self._do, name="answering", daemon=True).start()

    def rest(self, answer: Work) -> bool:
        """Whether there was room for one more."""
        if self._resting.qsize() >= resting.MOST:
            return False
        self._resting.put((self._pace.due(time.monotonic()), answer))
        return True

    def work(self, work: Work) -> None:
        """As soon as one of a few threads is free."""
        self._work.put(work)

    def _give(self) -> None:
        while True:
            due, answer = self._resting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            _try(answer)

    def _do(self) -> None:
        while True:
            _try(self._work.get())


def _try(work: Work) -> None:
    try:
        work()
    except Exception:
        log.exception("an answer was not given")


def wrap(application: Callable[..., Any], *_options: object) -> Callable[[Client, dict[str, Any]], int]:
    """In the place of granian's own function of that shape. Its access log and path prefix are left out: `tollgate serve` uses neither."""
    threads = Threads()
    if parent := parent_process():  # none where nobody forked
        Thread(target=_end_with, args=(parent.pid,), name="parent", daemon=True).start()

    def answer(client: Client, scope: dict[str, Any]) -> int:
        scope |= ENVIRON  # it is of this request alone
        begun = Begun(client, scope, threads)
        body = application(scope, begun)
        if not begun.is_later:
            begun.give(body)
        elif hasattr(body, "close"):  # of something around the application
            body.close()
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
