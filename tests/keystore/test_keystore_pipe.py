"""Questions of those who do not wait: each hears its own answer once, or why there is none, and nothing is sent twice."""

import itertools
import socket
import socketserver
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Queue

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError
from redis.retry import Retry

from keystore.limits.pipe import IDLE_SECONDS, Pipe
from keystore.limits.wire import packed

PATIENCE = 0.3
GENEROUS = 10.0  # seconds until a test gives up


@pytest.fixture
def client(redis_url):
    with Redis.from_url(redis_url, protocol=2, socket_timeout=5, socket_connect_timeout=5) as client:
        yield client


@pytest.fixture
def pipe(client):
    pipe = Pipe(client.connection_pool)
    yield pipe
    pipe.close()


class Asking:
    """Asks a pipe and collects what it says."""

    def __init__(self, pipe):
        self.pipe, self.said = pipe, Queue()

    def __call__(self, *command):
        return self.pipe.send(packed(command), self.said.put)

    def next(self):
        return self.said.get(timeout=GENEROUS)


@pytest.fixture
def ask(pipe):
    return Asking(pipe)


def test_everybody_hears_their_own_answer(pipe, ask):
    ask("PING")  # while it is opened, others are told to ask in another way
    heard = [Queue() for _ in range(2_000)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: pipe.send(packed(("ECHO", n)), heard[n].put), range(2_000)))

    assert [int(one.get(timeout=GENEROUS)) for one in heard] == list(range(2_000))


def test_all_of_them_share_one_connection(ask):
    [ask("CLIENT", "ID") for _ in range(50)]

    assert len({ask.next() for _ in range(50)}) == 1


def test_a_refused_command_is_its_own_affair(ask):
    ask("NONSENSE")
    ask("ECHO", 1)

    assert [type(ask.next()), ask.next()] == [ResponseError, b"1"]


def test_one_who_cannot_use_an_answer_does_not_keep_others_from_theirs(pipe, ask, caplog):
    pipe.send(packed(("PING",)), lambda _answer: 1 / 0)
    ask("ECHO", 1)

    assert ask.next() == b"1"
    assert "was not used" in caplog.text


def test_a_connection_that_was_closed_meanwhile_is_noticed_before_a_question_is_lost(client, ask):
    ask("CLIENT", "ID")
    client.client_kill_filter(_id=str(ask.next()))
    time.sleep(IDLE_SECONDS + 0.1)
    asked = [ask("ECHO", n) for n in (1, 2)]

    assert (asked, ask.next()) == ([False, True], b"2")


def test_let_go_it_begins_anew(pipe, ask):
    ask("CLIENT", "ID")
    before = ask.next()
    pipe.close()
    ask("CLIENT", "ID")

    assert ask.next() != before


def test_let_go_its_thread_and_its_connection_end(client, pipe, ask):
    ask("CLIENT", "ID")
    number = ask.next()
    pipe.close()
    ended = any(not client.execute_command("CLIENT", "LIST", "ID", number) or time.sleep(0.02) for _ in range(500))

    assert ended


@contextmanager
def store(answer):
    """A store each of whose connections is told by `answer(socket, number)` what to do; a way to ask it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            answer(self.request, next(numbers))

    numbers = itertools.count()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0)}
        with Redis(port=server.server_address[1], protocol=2, driver_info=None, **patience) as client:
            yield Asking(Pipe(client.connection_pool))
        server.shutdown()


def deaf(connection, _number):
    """Takes everything and says nothing."""
    while connection.recv(1_000):
        pass


@pytest.mark.timeout(20)
def test_a_store_that_hangs_costs_all_who_wait_for_it_one_time_out():
    with store(deaf) as ask:
        started = time.monotonic()
        asked = [ask("ECHO", n) for n in range(20)]
        said = [ask.next() for _ in range(20)]
        seconds = time.monotonic() - started

    assert (all(asked), {type(error) for error in said}) == (True, {TimeoutError})
    assert PATIENCE <= seconds < 3 * PATIENCE


def dripping(connection, _number):
    """Each byte of its answer comes in time."""
    connection.recv(1_000)
    for byte in b"$5\r\nlater\r\n":
        time.sleep(PATIENCE / 3)
        connection.sendall(bytes([byte]))


def test_an_answer_in_many_pieces_is_not_waited_for_longer_than_one_in_one():
    with store(dripping) as ask:
        ask("PING")

        assert isinstance(ask.next(), TimeoutError)


def closing_first(connection, number):
    """The first connection ends after the first question, others answer with 1."""
    while connection.recv(1_000) and number:
        connection.sendall(b":1\r\n")


def test_who_asked_on_a_connection_that_ends_is_told_and_the_next_one_gets_another():
    with store(closing_first) as ask:
        ask("PING")
        said = ask.next()
        again = any(ask("PING") or time.sleep(0.02) for _ in range(200))

        assert (type(said), again, ask.next()) == (RedisConnectionError, True, 1)


def talkative(connection, _number):
    """Gives an answer too many."""
    connection.recv(1_000)
    connection.sendall(b":1\r\n:2\r\n")
    deaf(connection, 0)


def test_the_answer_to_no_question_is_nobodys():
    with store(talkative) as ask:
        ask("PING")
        first = ask.next()
        again = any(ask("PING") or time.sleep(0.02) for _ in range(200))

        assert (first, again, ask.next()) == (1, True, 1)


def garbling(connection, _number):
    connection.recv(1_000)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    deaf(connection, 0)


def test_what_is_no_answer_is_said_to_be_none():
    with store(garbling) as ask:
        ask("PING")

        assert isinstance(ask.next(), InvalidResponse)


def loading_first(connection, number):
    while connection.recv(1_000):
        connection.sendall(b":1\r\n" if number else b"-LOADING Redis is loading the dataset in memory\r\n")


def test_a_store_that_says_it_is_away_is_let_go():
    with store(loading_first) as ask:
        ask("PING")
        said = ask.next()
        again = any(ask("PING") or time.sleep(0.02) for _ in range(200))

        assert (isinstance(said, RedisConnectionError), again, ask.next()) == (True, True, 1)


def test_where_nobody_listens_nothing_is_asked():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with Redis(port=closed.getsockname()[1], socket_connect_timeout=PATIENCE) as client:
            assert Asking(Pipe(client.connection_pool))("PING") is False


def test_over_tls_nothing_is_asked():
    with Redis(ssl=True) as client:
        assert Asking(Pipe(client.connection_pool))("PING") is False


def test_a_store_that_reads_nothing_is_given_up_once_its_ears_are_full():
    def stopped(connection, _number):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        time.sleep(GENEROUS)

    with store(stopped) as ask:
        asked = [ask("ECHO", "x" * 1_000_000) for _ in range(20)]
        said = [ask.next() for _ in range(asked.count(True))]

    assert False in asked
    assert {isinstance(error, OSError | RedisConnectionError) for error in said} <= {True}


def test_where_no_thread_is_to_be_had_nothing_is_asked_and_the_next_tries_again(ask):
    threading.stack_size(1 << 47)  # there is no room for it
    try:
        without = ask("PING")
    finally:
        threading.stack_size(0)

    assert (without, ask("PING"), ask.next()) == (False, True, b"PONG")
