"""One way out to the network: bounded in time, in size and in retries, never redirected.

`requests` bounds each wait on the socket, not the whole: a server that drips a byte a second holds a caller for hours, and
looking up a name is not bounded at all. Here the time-outs are for connecting as a whole and for the answer to its last
byte, and `within` puts several requests under one budget.
"""

import contextlib
import io
import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextvars import ContextVar
from decimal import Decimal
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import Any, Final, Literal

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.retry import Retry

from providers.base import Refused, Unavailable, Unknown

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 8.0
BUDGET_SECONDS: Final = 9.0  # for one call of a provider, however many requests it takes
MAX_BYTES: Final = 1_000_000

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """All requests made inside share a budget of `seconds`; an outer, shorter budget still holds. Also a decorator."""
    token = _deadline.set(min(_deadline.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def _left() -> float:
    return _deadline.get() - monotonic()


class _BoundedReader(io.RawIOBase):
    """A socket's bytes until the deadline or MAX_BYTES, whichever comes first."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._until = min(_deadline.get(), monotonic() + (sock.gettimeout() or READ_SECONDS))
        self._bytes_left = MAX_BYTES

    def readable(self) -> Literal[True]:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        count = self._raw.readinto(buffer)
        self._bytes_left -= count or 0
        if self._bytes_left < 0:
            raise OSError("the answer is too large")
        return int(count or 0)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Bounded:
    """What http.client asks a socket for when it reads an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock))


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(_Bounded(sock), *args, **kwargs)  # type: ignore[arg-type]  # makefile() is all it uses


def _in_time(connect: Callable[[], None], abandon: Callable[[], None]) -> None:
    """Connects in CONNECT_SECONDS: name, every address of it and TLS together, of which the system bounds only some."""
    done: Future[None] = Future()

    def run() -> None:
        try:
            connect()
            done.set_result(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        done.result(max(0.0, min(CONNECT_SECONDS, _left())))
    except TooLate as error:
        done.add_done_callback(lambda _: abandon())
        raise TimeoutError("connecting took too long") from error


class _Connection(HTTPConnection):
    response_class = _BoundedResponse

    def connect(self) -> None:
        _in_time(super().connect, self.close)


class _SecureConnection(HTTPSConnection):
    response_class = _BoundedResponse

    def connect(self) -> None:
        _in_time(super().connect, self.close)


class BoundedPool(urllib3.HTTPConnectionPool):
    """Connections in clear that keep to the limits of this module."""

    ConnectionCls = _Connection


class BoundedSecurePool(urllib3.HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _SecureConnection


class _QuickRetry(Retry):
    """One more try of a GET, as long as the budget has room for it."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: FBT001, FBT002 - urllib3's signature
        return _left() > CONNECT_SECONDS and super().is_retry(method, status_code, has_retry_after)


_RETRY = _QuickRetry(
    total=1,
    redirect=0,
    status_forcelist={502, 503, 504},
    allowed_methods={"GET"},
    backoff_factor=0.2,
    respect_retry_after_header=False,
    raise_on_status=False,
)


class _Adapter(HTTPAdapter):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(max_retries=_RETRY, pool_maxsize=32)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": BoundedPool, "https": BoundedSecurePool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": BoundedPool, "https": BoundedSecurePool}
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        with within(min(self._seconds + CONNECT_SECONDS, BUDGET_SECONDS)):
            if _left() <= 0:
                raise requests.ConnectTimeout("no time left", request=request)
            kwargs["timeout"] = urllib3.Timeout(connect=min(CONNECT_SECONDS, _left()), read=min(self._seconds, _left()))
            response = super().send(request, *args, **kwargs)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()  # we asked for plain bytes: a small packed answer may unpack to any size
            raise requests.exceptions.ContentDecodingError("packed answer", request=request)
        return response


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def make_session(seconds: float = READ_SECONDS) -> requests.Session:
    """A session for one provider; `seconds` bound each answer. Safe to share between threads."""
    session = requests.Session()
    session.mount("https://", _Adapter(seconds))
    session.mount("http://", _Adapter(seconds))
    session.max_redirects = 0  # a redirect raises instead of carrying our credentials elsewhere
    session.auth = _unchanged  # else requests puts a ~/.netrc entry over our own Authorization header
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept-Encoding"] = "identity"
    return session


def fetch_json(session: requests.Session, method: str, url: str, **options: Any) -> Any:
    """The JSON answer, numbers with a point as Decimal. Raises Unavailable, Refused, Unknown."""
    try:
        response = session.request(method, url, **options)
    except requests.RequestException as error:
        raise Unavailable(f"no answer: {str(error)[:300]}") from error
    _raise_for(response)
    try:
        return json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Unavailable("the answer is not JSON") from error


def _raise_for(response: requests.Response) -> None:
    status = response.status_code
    if status < 300:
        return
    said = f"{status} {response.text[:300]}"
    if status >= 500:
        raise Unavailable(said, definite=True)
    if status in (408, 429) or status < 400:
        raise Unavailable(said)
    raise (Unknown if status == 404 else Refused)(said)
