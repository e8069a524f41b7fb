"""Against real sockets: what no mock of the wire can show."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
import requests

from providers import build
from providers.base import Unavailable
from providers.http import fetch_json, make_session, within

TIMEOUT = 0.4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Server = Callable[[Callable[[socket.socket, threading.Event], None]], str]


@pytest.fixture
def serve() -> Iterator[Server]:
    """Starts a server that treats every connection as told; gives its URL."""
    over, listeners, threads = threading.Event(), [], []

    def answer(connection, behaviour):
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            behaviour(connection, over)

    def accept(listener, behaviour):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                thread = threading.Thread(target=answer, args=(connection, behaviour))
                threads.append(thread)
                thread.start()

    def start(behaviour):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        thread = threading.Thread(target=accept, args=(listener, behaviour))
        threads.append(thread)
        thread.start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    over.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def hang(_connection, over):
    over.wait(20)


def drip(start: bytes):
    def behaviour(connection, over):
        connection.sendall(start)
        while not over.wait(0.05):
            connection.sendall(b" ")

    return behaviour


def say(*parts: bytes):
    def behaviour(connection, _over):
        for part in parts:
            connection.sendall(part)

    return behaviour


def in_turn(*behaviours):
    turns = iter(behaviours)

    def behaviour(connection, over):
        next(turns)(connection, over)

    return behaviour


SLOW = {
    "says nothing": hang,
    "drips its headers": drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "drips its body": drip(HEAD + b"Content-Length: 100000\r\n\r\n"),
    "drips chunks": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
}
RAILS = {
    "stripe": lambda url: build(
        "stripe", secret_key="sk_test_a", webhook_secrets=("w",), api_base=url, timeout=TIMEOUT
    ),
    "btcpay": lambda url: build("btcpay", url=url, api_key="k", store_id="S", webhook_secrets=("w",), timeout=TIMEOUT),
}
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FINE = HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.mark.parametrize("rail", RAILS)
@pytest.mark.parametrize("behaviour", SLOW.values(), ids=SLOW)
def test_a_slow_server_is_unavailable_in_time(serve, rail, behaviour):
    started = monotonic()
    with pytest.raises(Unavailable):
        RAILS[rail](serve(behaviour)).snapshot("cs_1")
    assert monotonic() - started < 4 * TIMEOUT


@pytest.mark.parametrize("rail", RAILS)
def test_a_slow_server_makes_a_create_call_unavailable_and_not_definitely_lost(serve, rail, order):
    with pytest.raises(Unavailable) as caught:
        RAILS[rail](serve(hang)).open(order)
    assert not caught.value.definite


def test_a_budget_bounds_many_requests_together(serve):
    url, session, started = serve(hang), make_session(seconds=5), monotonic()
    with within(TIMEOUT), pytest.raises(Unavailable):
        fetch_json(session, "GET", url)
    assert monotonic() - started < 4 * TIMEOUT


def test_an_inner_budget_does_not_stretch_an_outer_one(serve):
    url, session, started = serve(hang), make_session(seconds=5), monotonic()
    with within(TIMEOUT), within(60), pytest.raises(Unavailable):
        fetch_json(session, "GET", url)
    assert monotonic() - started < 4 * TIMEOUT


def test_a_name_that_takes_long_to_look_up_is_unavailable_in_time(monkeypatch):
    over, started = threading.Event(), monotonic()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: over.wait(20) and [])
    with within(TIMEOUT), pytest.raises(Unavailable, match="too long"):
        fetch_json(make_session(), "GET", "http://slow-name.test/")
    over.set()
    assert monotonic() - started < 4 * TIMEOUT


def test_a_budget_that_is_used_up_asks_nothing(serve):
    url = serve(say(FINE))
    with within(0), pytest.raises(Unavailable):
        fetch_json(make_session(), "GET", url)


@pytest.mark.parametrize(
    "answer",
    [
        (HEAD + b"Content-Length: 50000000\r\n\r\n", *[b" " * 100_000] * 20),
        (HEAD + b"Connection: close\r\n\r\n", *[b" " * 100_000] * 20),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",),
        (HEAD + b"Content-Length: 2\r\n\r\n{",),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",),
        (b"SSH-2.0-OpenSSH\r\n",),
        (b"",),
    ],
    ids=["too large", "too large without end", "packed", "cut short", "elsewhere", "another protocol", "nothing"],
)
def test_an_answer_that_could_hurt_is_no_answer(serve, answer):
    url = serve(say(*answer))
    with pytest.raises(Unavailable):
        fetch_json(make_session(TIMEOUT), "GET", url)


def test_a_question_is_asked_once_more_when_the_server_is_busy(serve):
    url = serve(in_turn(say(BUSY), say(FINE)))
    assert fetch_json(make_session(TIMEOUT), "GET", url) == {}


def test_a_question_is_asked_once_more_when_the_line_is_cut(serve):
    url = serve(in_turn(say(b""), say(FINE)))
    assert fetch_json(make_session(TIMEOUT), "GET", url) == {}


@pytest.mark.parametrize("first", [BUSY, b""])
def test_a_create_call_is_never_repeated_behind_our_back(serve, first):
    url = serve(in_turn(say(first), say(FINE)))
    with pytest.raises(Unavailable):
        fetch_json(make_session(TIMEOUT), "POST", url, json={})


def test_a_netrc_file_does_not_replace_our_credentials(serve, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    request = make_session().prepare_request(
        requests.Request("GET", "http://127.0.0.1/", headers={"Authorization": "token k"})
    )
    assert request.headers["Authorization"] == "token k"
