"""What gunicorn's worker does with connections after their last answer, on real sockets and a real poller."""

import os
import selectors
import socket
import time
from concurrent.futures import Future

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn

from app.servers import lingering
from app.servers.lingering import LingeringWorker


@pytest.fixture
def worker():
    """One that was not started: it has a poller and no threads."""
    cfg = Config()
    worker = LingeringWorker(1, os.getpid(), [], None, 30, cfg, Logger(cfg))
    worker.poller = selectors.DefaultSelector()
    yield worker
    worker.poller.close()
    worker.tmp.close()


@pytest.fixture
def connect(worker):
    """A connection of that worker whose last answer was sent; gives the client's end."""
    ends = []

    def _connect():
        client, server = socket.socketpair()
        ends.extend((client, server))
        worker.nr_conns += 1
        worker.finish_request(TConn(worker.cfg, server, ("", 0), ("", 0)), ended())
        client.settimeout(2)
        return client

    yield _connect
    [end.close() for end in ends]


def ended():
    """A request after which the connection does not go on."""
    future = Future()
    future.set_result(False)
    return future


def events(worker):
    """What the poller sees now is dispatched, as gunicorn does it."""
    worker.wait_for_and_dispatch_events(0)


def test_who_stops_in_the_middle_of_a_request_does_not_keep_a_thread(worker, monkeypatch):
    monkeypatch.setattr(lingering, "SILENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        client.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: sh")
        conn = TConn(worker.cfg, *listener.accept(), listener.getsockname())
        began = time.monotonic()
        kept = worker.handle(conn)
        took = time.monotonic() - began
        client.close()
        conn.close()

    assert (kept, 0.9 < took < 3) == (False, True)


def test_the_client_is_told_at_once_that_nothing_more_comes(connect):
    assert connect().recv(1) == b""


def test_it_is_waited_for_until_it_hangs_up(worker, connect):
    client = connect()
    events(worker)
    worker.murder_pending()
    before = worker.nr_conns
    client.close()
    events(worker)

    assert (before, worker.nr_conns) == (1, 0)


def test_what_it_still_sends_is_taken_from_it(worker, connect):
    client = connect()
    client.sendall(b"x" * 1_000)
    events(worker)

    assert worker.nr_conns == 1
    client.sendall(b"x")  # no reset, which could take back the answer


def test_who_sends_too_much_is_cut_off(worker, connect):
    client = connect()
    [(client.sendall(b"x" * 1_024), events(worker)) for _ in range(lingering.ROOM // 1_024)]

    assert worker.nr_conns == 0


def test_who_stays_too_long_is_cut_off(worker, connect, monkeypatch):
    monkeypatch.setattr(lingering, "SECONDS", 0)
    client = connect()
    worker.murder_pending()

    assert worker.nr_conns == 0
    with pytest.raises(BrokenPipeError):
        client.sendall(b"x")


def test_the_first_makes_room_also_when_the_poller_has_just_seen_it(worker, connect, monkeypatch):
    monkeypatch.setattr(lingering, "MOST", 2)
    first, second = connect(), connect()
    told, tell = socket.socketpair()
    worker.poller.register(told, selectors.EVENT_READ, lambda _: connect())  # seen in the same breath, and before it
    seen = worker.poller.select
    worker.poller.select = lambda timeout: sorted(seen(timeout), key=lambda event: event[0].fileobj is not told)
    tell.sendall(b"x")
    first.close()
    events(worker)

    assert worker.nr_conns == 2
    assert second.fileno() > 0
    told.close()
    tell.close()


def test_a_connection_that_is_gone_already_is_let_go(worker):
    client, server = socket.socketpair()
    worker.nr_conns += 1
    conn = TConn(worker.cfg, server, ("", 0), ("", 0))
    server.close()
    worker.finish_request(conn, ended())
    client.close()

    assert worker.nr_conns == 0
