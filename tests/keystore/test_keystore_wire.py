"""As many connections as threads ask at once: every thread gets its own answer, and nothing is sent twice."""

import itertools
import select
import socket
import socketserver
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from certificates import certificate
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from keystore.errors import CounterStoreDown
from keystore.limits import RedisCounter
from keystore.limits.links import link_to
from keystore.limits.wire import IDLE_SECONDS, Wire

AWAY = (RedisError, OSError)


@pytest.fixture
def client(redis_url):
    with Redis.from_url(redis_url, protocol=2, socket_timeout=0.5, socket_connect_timeout=0.5) as client:
        yield client


@pytest.fixture
def wire(client):
    wire = Wire(client.connection_pool)
    yield wire
    wire.close()


@pytest.fixture
def silent():
    """A wire to a store that takes everything and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        patience = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3, "retry": Retry(NoBackoff(), 0)}
        with Redis(port=server.getsockname()[1], protocol=2, driver_info=None, **patience) as client:
            wire = Wire(client.connection_pool)
            yield wire
            wire.close()


def test_each_thread_gets_its_own_answer(wire):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: int(wire.ask("ECHO", n)), range(2_000)))

    assert answers == list(range(2_000))


def test_threads_that_ask_in_turn_share_a_connection(wire):
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        ids = [thread.submit(wire.ask, "CLIENT", "ID").result() for thread in (one, other, one)]

    assert len(set(ids)) == 1


def test_there_are_never_more_connections_than_threads_that_asked_at_once(wire):
    with ThreadPoolExecutor(4) as threads:
        ids = set(threads.map(lambda _: wire.ask("CLIENT", "ID"), range(2_000)))

    assert len(ids) <= 4


def test_a_refused_command_fails_its_own_thread_only(wire):
    with ThreadPoolExecutor(8) as threads:
        good = [threads.submit(wire.ask, "ECHO", n) for n in range(50)]
        bad = [threads.submit(wire.ask, "NONSENSE") for _ in range(50)]

    assert all(isinstance(one.exception(), ResponseError) for one in bad)
    assert [int(one.result()) for one in good] == list(range(50))


def test_connections_that_were_closed_meanwhile_are_made_anew(client, wire):
    with ThreadPoolExecutor(2) as threads:
        before = set(threads.map(lambda _: wire.ask("CLIENT", "ID"), range(200)))
    [client.client_kill_filter(_id=str(one)) for one in before]
    time.sleep(IDLE_SECONDS + 0.1)

    assert wire.ask("ECHO", 1) == b"1"


def test_connections_may_be_made_anew_for_ever(client, wire):
    answers = [(wire.close(), wire.ask("ECHO", n))[1] for n in range(110)]

    assert answers[-1] == b"109"


REPLICA = "return redis.error_reply('READONLY You cannot write against a read only replica.')"


def test_a_server_that_became_a_replica_is_let_go_on_every_connection(wire):
    with ThreadPoolExecutor(2) as threads:
        before = set(threads.map(lambda _: wire.ask("CLIENT", "ID"), range(200)))
    with pytest.raises(ReadOnlyError):
        wire.ask("EVAL", REPLICA, 0)

    assert wire.ask("CLIENT", "ID") not in before


def test_nobody_waits_for_a_store_that_hangs_longer_than_one_time_out(silent):
    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        errors = [one.exception() for one in [threads.submit(silent.ask, "PING") for _ in range(8)]]

    assert all(isinstance(error, AWAY) for error in errors)
    assert time.monotonic() - started < 0.9


class Fading(socketserver.ThreadingTCPServer):
    """Numbers its connections and answers with their numbers, until those it has by then fall silent."""

    allow_reuse_address = daemon_threads = True
    silent_until, pause = 0, 0.05

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Fading.Answers)
        self.numbers = itertools.count(1)

    class Answers(socketserver.BaseRequestHandler):
        def handle(self):
            number = next(self.server.numbers)
            while self.request.recv(1_000):
                time.sleep(self.server.pause)
                self.request.sendall(b":%d\r\n" % number * (number > self.server.silent_until))


@pytest.fixture
def fading():
    """A store that can be made to hang, and a wire to it."""
    with Fading() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        patience = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3, "retry": Retry(NoBackoff(), 0)}
        with Redis(port=server.server_address[1], protocol=2, driver_info=None, **patience) as client:
            yield server, Wire(client.connection_pool)
        server.shutdown()


class Dripping(socketserver.BaseRequestHandler):
    """An answer of which each piece comes in time."""

    def handle(self):
        self.request.recv(1_000)
        with suppress(OSError):
            for byte in b"$5\r\nlater\r\n":
                time.sleep(0.1)
                self.request.sendall(bytes([byte]))


@pytest.fixture
def dripping():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield link_to(f"redis://127.0.0.1:{server.server_address[1]}/0", timeout=0.3).ask
        server.shutdown()


def test_an_answer_in_many_pieces_is_not_waited_for_longer_than_one_in_one(dripping):
    with pytest.raises(AWAY):
        dripping("PING")


class Deaf(socketserver.ThreadingTCPServer):
    """Answers `:1` to the first question of a connection, and to no other. Over TLS."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, pem):
        super().__init__(("127.0.0.1", 0), Deaf.Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    class Answers(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(1_000)
            self.request.sendall(b":1\r\n")
            self.request.recv(1_000)
            self.request.recv(1_000)  # until the other side hangs up


@pytest.fixture
def deaf(tmp_path):
    """A wire over TLS to a store that goes deaf."""
    pem = tmp_path / "store.pem"
    pem.write_bytes(certificate("localhost"))
    with Deaf(pem) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"rediss://localhost:{server.server_address[1]}/0?ssl_ca_certs={pem}"
        yield link_to(url, timeout=0.3).ask
        server.shutdown()


@pytest.mark.timeout(20)
def test_over_tls_a_store_that_hangs_is_given_up_likewise(deaf):
    deaf("PING")
    started = time.monotonic()
    with pytest.raises(AWAY):
        deaf("PING")

    assert time.monotonic() - started < 0.9


def test_once_a_store_hangs_on_one_connection_no_other_is_tried(fading):
    server, wire = fading
    with ThreadPoolExecutor(4) as threads:
        numbers = set(threads.map(lambda _: wire.ask("PING"), range(4)))
    server.silent_until = 4
    with pytest.raises(AWAY):
        wire.ask("PING")

    assert (numbers, wire.ask("PING")) == ({1, 2, 3, 4}, 5)


def test_an_answer_that_comes_too_late_is_nobodys(fading):
    server, wire = fading
    server.pause = 0.5
    with pytest.raises(AWAY):
        wire.ask("PING")
    server.pause = 0
    time.sleep(0.4)

    assert wire.ask("PING") == 2


def test_a_store_that_hangs_is_said_to_be_late(silent):
    with pytest.raises(TimeoutError, match="in time"):
        silent.ask("PING")


class Green(socket.socket):
    """Waits by itself, as gevent's does: without a time-out for ever, whatever the kernel was told."""

    def recv(self, *what):
        select.select([self], [], [], self.gettimeout())
        return super().recv(*what)


@pytest.mark.timeout(20)
def test_a_socket_that_waits_in_its_own_way_is_left_its_time_out(silent, monkeypatch):
    monkeypatch.setattr("socket.socket", Green)

    with pytest.raises(TimeoutError):
        silent.ask("PING")


def test_after_a_failure_it_asks_again(silent):
    with pytest.raises(AWAY) as first:
        silent.ask("PING")
    with pytest.raises(AWAY) as second:
        silent.ask("PING")

    assert first.value is not second.value


class Refusing(socketserver.ThreadingTCPServer):
    """Says to every question of its first connection why it will not answer; others are answered with 1."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, refusal):
        super().__init__(("127.0.0.1", 0), Refusing.Answers)
        self.said = itertools.chain([refusal], itertools.repeat(b":1"))

    class Answers(socketserver.BaseRequestHandler):
        def handle(self):
            said = next(self.server.said)
            while self.request.recv(1_000):
                self.request.sendall(said + b"\r\n")


REFUSALS = [
    b"-LOADING Redis is loading the dataset in memory",
    b"-NOAUTH Authentication required.",
    b"-ERR max number of clients reached",
]
TWICE = b":1\r\n:2"  # the next question would get the second one


@pytest.fixture(params=REFUSALS)
def refusing(request):
    """The address of a store that does not answer questions yet."""
    with Refusing(request.param) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


@pytest.mark.parametrize("refusing", [*REFUSALS, TWICE], indirect=True)
def test_a_store_that_will_not_answer_is_a_store_that_is_away(refusing):
    counter = RedisCounter(refusing)
    with pytest.raises(CounterStoreDown):
        counter.publish("ent_1", 2)

    assert counter.ping() is None


def test_what_a_store_says_instead_of_an_answer_is_raised_and_its_connection_let_go(refusing):
    wire = link_to(refusing, timeout=0.3).ask
    with pytest.raises(RedisConnectionError):
        wire("PING")

    assert wire("PING") == 1


@pytest.mark.parametrize("refusing", [b"+OK", b":1", b"*0", b"*1\r\n:1", b"$-1", b"*6\r\n:1\r\n:0"], indirect=True)
def test_a_store_whose_answers_make_no_sense_is_a_store_that_is_away(refusing):
    with pytest.raises(CounterStoreDown):
        RedisCounter(refusing).count("ent_1", ())
