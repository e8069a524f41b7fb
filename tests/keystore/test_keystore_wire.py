"""One connection for all threads of a process: every thread gets its own answer, and nothing is sent twice."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from keystore.limits.wire import IDLE_SECONDS, Wire


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


def test_threads_that_wait_together_ask_in_one_packet(client, wire):
    wire.ask("PING")
    before = client.info("stats")["total_reads_processed"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: wire.ask("PING"), range(2_000)))

    assert client.info("stats")["total_reads_processed"] - before < 2_000


def test_a_refused_command_fails_its_own_thread_only(wire):
    with ThreadPoolExecutor(8) as threads:
        good = [threads.submit(wire.ask, "ECHO", n) for n in range(50)]
        bad = [threads.submit(wire.ask, "NONSENSE") for _ in range(50)]

    assert all(isinstance(one.exception(), ResponseError) for one in bad)
    assert [int(one.result()) for one in good] == list(range(50))


def test_a_connection_that_was_closed_meanwhile_is_made_anew(client, wire):
    client.client_kill_filter(_id=str(wire.ask("CLIENT", "ID")))
    time.sleep(IDLE_SECONDS + 0.1)

    assert wire.ask("ECHO", 1) == b"1"


def test_connections_may_be_made_anew_for_ever(client, wire):
    answers = [(wire.close(), wire.ask("ECHO", n))[1] for n in range(110)]

    assert answers[-1] == b"109"


def test_a_server_that_became_a_replica_is_let_go(client, wire):
    before = wire.ask("CLIENT", "ID")
    with pytest.raises(ReadOnlyError):
        wire.ask("EVAL", "return redis.error_reply('READONLY You cannot write against a read only replica.')", 0)

    assert wire.ask("CLIENT", "ID") != before


def test_who_waits_behind_a_store_that_hangs_waits_no_longer_than_the_first(silent):
    started = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        errors = [one.exception() for one in [threads.submit(silent.ask, "PING") for _ in range(8)]]

    assert all(isinstance(error, RedisError) for error in errors)
    assert time.monotonic() - started < 0.9


def test_after_a_failure_it_asks_again(silent):
    with pytest.raises(RedisError) as first:
        silent.ask("PING")
    with pytest.raises(RedisError) as second:
        silent.ask("PING")

    assert first.value is not second.value


def test_a_thread_that_comes_while_others_ask_is_served(wire):
    stop = threading.Event()
    with ThreadPoolExecutor(4) as threads:
        busy = [threads.submit(lambda: [wire.ask("PING") for _ in iter(stop.is_set, True)]) for _ in range(3)]
        answers = [wire.ask("ECHO", n) for n in range(200)]
        stop.set()

    assert (len(answers), [one.exception() for one in busy]) == (200, [None] * 3)
