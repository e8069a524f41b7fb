"""A flood of refused keys on many connections, against real servers: it is slowed down, and nobody else notices."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from threading import Event

import pytest
import requests
from journey_processes import serve
from journey_values import SANDBOX

from app.servers import resting
from app.web.refused import AT_ONCE
from keystore import generate
from sandbox import Running

CONNECTIONS = 16
SECONDS = 2.0
SPARE = (
    AT_ONCE + 2 * CONNECTIONS
)  # answers: a minute may turn in the middle, and each connection has one in hand at either end


@pytest.fixture(scope="module", params=["gunicorn", "granian"])
def gateway(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    database = f"sqlite:///{folder / 'shop.db'}"
    with Running(SANDBOX) as sandbox, serve(sandbox, database, folder=folder, server=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def paid(gateway):
    bought = gateway.shop.buy("team")
    gateway.shop.act(bought, "pay")
    return bought


def unknown():
    return generate("test", prefix="tg", seed=os.urandom(32))[1].reveal()


def flood(url, until, *, address, kept=True):
    """Ask with unknown keys on one connection, or on a new one each time, until told to stop: every answer's status."""
    headers = {"X-Forwarded-For": address} | ({} if kept else {"Connection": "close"})
    with requests.Session() as http:
        answers = (
            http.get(f"{url}/v1/whoami", headers=headers | {"X-API-Key": unknown()}, timeout=30) for _ in count()
        )
        return [answer.status_code for answer, _ in zip(answers, iter(until.is_set, True), strict=False)]


@pytest.mark.parametrize("kept", [True, False], ids=["kept connections", "new connections"])
def test_a_flood_is_slow_and_a_working_key_passes_beside_it(gateway, paid, kept):
    address, until, began = f"203.0.113.{kept + 1}", Event(), time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        floods = [pool.submit(flood, gateway.shop.url, until, address=address, kept=kept) for _ in range(CONNECTIONS)]
        asked = paced(gateway, paid, seconds=SECONDS)
        until.set()
    answered = [status for one in floods for status in one.result()]

    assert set(asked) == {"allowed"}
    assert set(answered) <= {401, 429}
    assert AT_ONCE < len(answered) <= AT_ONCE + (time.monotonic() - began) / resting.GAP + SPARE


def paced(gateway, paid, *, seconds):
    """What a payer is told, asking all the while."""
    end = time.monotonic() + seconds
    return [gateway.shop.gate(paid) for _ in iter(lambda: time.monotonic() > end or time.sleep(0.05), True)]


def test_a_payer_at_the_address_of_a_flood_does_not_wait(gateway, paid):
    until = Event()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        floods = [pool.submit(flood, gateway.shop.url, until, address="203.0.113.9") for _ in range(CONNECTIONS)]
        time.sleep(1)  # by now all of them wait
        headers = {"X-API-Key": paid.key, "X-Forwarded-For": "203.0.113.9"}
        began = time.monotonic()
        statuses = [
            requests.get(f"{gateway.shop.url}/v1/whoami", headers=headers, timeout=30).status_code for _ in range(10)
        ]
        took = time.monotonic() - began
        until.set()

    assert statuses == [200] * 10
    assert took < 10 * CONNECTIONS * resting.GAP  # had it waited in their turns
    assert min(len(one.result()) for one in floods) > 0


def refused(gateway, *, address, more=""):
    """A connection on which a request that will be refused was sent."""
    connection = socket.create_connection(gateway.shop.url.removeprefix("http://").split(":"), timeout=30)
    head = f"GET /v1/whoami HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: {address}\r\nX-API-Key: nonsense\r\n{more}\r\n"
    connection.sendall(head.encode())
    return connection


def test_those_that_read_their_refusal_and_do_not_hang_up_hold_up_nobody(gateway, paid):
    with ExitStack() as stack:
        crowd = [stack.enter_context(refused(gateway, address="203.0.113.7")) for _ in range(AT_ONCE)]
        [connection.recv(1 << 16) for connection in crowd]
        more = "Connection: close\r\n"
        hanging = [stack.enter_context(refused(gateway, address="203.0.113.7", more=more)) for _ in range(CONNECTIONS)]
        [connection.recv(1 << 16) for connection in hanging]
        began = time.monotonic()
        asked = [gateway.shop.gate(paid) for _ in range(10)]
        took = time.monotonic() - began

    assert asked == ["allowed"] * 10
    assert took < 2  # seconds for which gunicorn would wait in its main thread, for each that does not hang up


CLOSING = b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"


def closing(gateway):
    """A connection on which the last request was sent."""
    connection = socket.create_connection(gateway.shop.url.removeprefix("http://").split(":"), timeout=30)
    connection.sendall(CLOSING)
    return connection


def test_those_that_do_not_hang_up_after_their_last_answer_hold_up_nobody(gateway, paid):
    with ExitStack() as stack:
        hanging = [stack.enter_context(closing(gateway)) for _ in range(CONNECTIONS)]
        answers = [connection.recv(1 << 16)[:12] for connection in hanging]
        began = time.monotonic()
        asked = [gateway.shop.gate(paid) for _ in range(10)]
        took = time.monotonic() - began

    assert (set(answers), asked) == ({b"HTTP/1.1 200"}, ["allowed"] * 10)
    assert took < 2


def test_after_a_last_answer_the_connection_ends_at_once_and_is_not_kept_for_long(gateway):
    began = time.monotonic()
    with closing(gateway) as connection:
        said = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        ended = time.monotonic() - began
        time.sleep(3.5)  # gunicorn looks once a second
        connection.sendall(b"still here")
        time.sleep(0.2)
        with pytest.raises(OSError, match=r"reset|Broken"):
            connection.sendall(b"and here")

    assert said.startswith(b"HTTP/1.1 200")
    assert ended < 1.5


@pytest.mark.parametrize("server", ["gunicorn", "granian"])
def test_told_to_stop_it_gives_the_answers_that_wait(tmp_path, server):
    database = f"sqlite:///{tmp_path / 'shop.db'}"
    with (
        Running(SANDBOX) as sandbox,
        serve(sandbox, database, folder=tmp_path, server=server) as gateway,
        ExitStack() as stack,
    ):
        some = AT_ONCE + 2 * CONNECTIONS
        crowd = [stack.enter_context(refused(gateway, address="203.0.113.8")) for _ in range(some)]
        first = crowd[AT_ONCE].recv(1 << 16)
        time.sleep(0.5)  # all of them are read by now, and ten are answered
        gateway.process.send_signal(signal.SIGTERM)
        rest = [connection.recv(1 << 16) for connection in (*crowd[:AT_ONCE], *crowd[AT_ONCE + 1 :])]

        assert {answer[9:12] for answer in (first, *rest)} == {b"401"}
        assert gateway.process.wait(30) == 0
