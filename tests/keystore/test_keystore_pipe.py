"""Questions of those who do not wait: each hears its own answer once, or why there is none, and nothing is sent twice."""

import itertools
import socket
import socketserver
import sys
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

from keystore.limits.pipe import Pipe
from keystore.limits.wire import packed

PATIENCE = 0.3
SILENCE = 1.0  # seconds after which a thread that hears nothing sleeps; an answer may take as long
GENEROUS = 10.0  # seconds until a test gives up


@pytest.fixture
def client(redis_url):
    with Redis.from_url(redis_url, protocol=2, socket_timeout=SILENCE, socket_connect_timeout=5) as client:
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

    def until_sent(self, *command):
        """The first ones only have a connection made. Whether one was sent."""
        return any(self(*command) or time.sleep(0.01) for _ in range(500))

    def next(self):
        return self.said.get(timeout=GENEROUS)


@pytest.fixture
def ask(pipe):
    """Asks one that is connected."""
    ask = Asking(pipe)
    ask.until_sent("PING")
    ask.next()
    return ask


@pytest.mark.usefixtures("ask")
def test_everybody_hears_their_own_answer(pipe):
    heard = [Queue() for _ in range(2_000)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: pipe.send(packed(("ECHO", n)), heard[n].put), range(2_000)))

    assert [int(one.get(timeout=GENEROUS)) for one in heard] == list(range(2_000))


def test_however_many_ask_first_there_is_one_thread(pipe, quick_turns):
    before = readers()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: pipe.send(packed(("PING",)), lambda _answer: None), range(2_000)))

    assert len(readers() - before) == 1


def readers():
    return {thread for thread in threading.enumerate() if thread.name == "redis-pipe"}


@pytest.fixture
def quick_turns():
    """Threads give way to one another all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_all_of_them_share_one_connection(ask):
    [ask("CLIENT", "ID") for _ in range(50)]

    assert len({ask.next() for _ in range(50)}) == 1


def test_a_refused_command_is_its_own_affair(ask):
    ask("NONSENSE")
    ask("ECHO", 1)

    assert [type(ask.next()), ask.next()] == [ResponseError, b"1"]


def test_one_who_cannot_use_an_answer_does_not_keep_others_from_theirs(pipe, ask, caplog):
    caplog.set_level("ERROR", logger="keystore.limits.pipe")
    pipe.send(packed(("PING",)), lambda _answer: 1 / 0)
    ask("ECHO", 1)

    assert ask.next() == b"1"
    assert "was not used" in caplog.text


def test_a_connection_that_was_closed_meanwhile_is_noticed_before_a_question_is_lost(client, ask):
    ask("CLIENT", "ID")
    client.client_kill_filter(_id=str(ask.next()))
    time.sleep(0.1)

    assert (ask("ECHO", 1), ask.until_sent("ECHO", 2), ask.next()) == (False, True, b"2")


def test_after_a_silence_it_hears_again(ask):
    time.sleep(1.2 * SILENCE)
    ask("ECHO", 1)

    assert ask.next() == b"1"


def test_let_go_it_tells_what_was_asked_ends_and_asks_nothing_more(client, pipe, ask):
    ask("CLIENT", "ID")
    number = ask.next()
    ask("ECHO", 1)
    pipe.close()
    refused, told = ask("PING"), ask.next()
    ended = any(not client.execute_command("CLIENT", "LIST", "ID", number) or time.sleep(0.02) for _ in range(500))

    assert (refused, told, ended) == (False, b"1", True)


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
        ask.until_sent("ECHO", 0)
        started = time.monotonic()
        asked = [ask("ECHO", n) for n in range(19)]
        said = [ask.next() for _ in range(20)]
        seconds = time.monotonic() - started

    assert (all(asked), {type(error) for error in said}) == (True, {TimeoutError})
    assert seconds < 2 * PATIENCE


def slow(connection, _number):
    while connection.recv(1_000):
        time.sleep(0.8 * PATIENCE)
        connection.sendall(b":1\r\n")


def once(connection, _number):
    connection.recv(1_000)
    connection.sendall(b":1\r\n")
    deaf(connection, 0)


def test_a_question_asked_late_in_a_silence_may_take_as_long_as_any_other():
    with store(slow) as ask:
        ask.until_sent("PING")
        first = ask.next()
        time.sleep(0.7 * PATIENCE)
        ask("PING")

        assert (first, ask.next()) == (1, 1)


def test_it_is_given_up_after_its_time_whenever_in_a_silence_it_was_asked():
    with store(once) as ask:
        ask.until_sent("PING")
        ask.next()
        time.sleep(0.7 * PATIENCE)
        ask("PING")
        started = time.monotonic()
        said = ask.next()

        assert (type(said), PATIENCE * 0.9 < time.monotonic() - started < 1.6 * PATIENCE) == (TimeoutError, True)


def dripping(connection, _number):
    """Each byte of its answer comes in time."""
    connection.recv(1_000)
    for byte in b"$5\r\nlater\r\n":
        time.sleep(PATIENCE / 3)
        connection.sendall(bytes([byte]))


def test_an_answer_in_many_pieces_is_not_waited_for_longer_than_one_in_one():
    with store(dripping) as ask:
        ask.until_sent("PING")

        assert isinstance(ask.next(), TimeoutError)


def closing_first(connection, number):
    """The first connection ends after the first question, others answer with 1."""
    while connection.recv(1_000) and number:
        connection.sendall(b":1\r\n")


def test_who_asked_on_a_connection_that_ends_is_told_and_the_next_one_gets_another():
    with store(closing_first) as ask:
        ask.until_sent("PING")
        said = ask.next()
        again = ask.until_sent("PING")

        assert (type(said), again, ask.next()) == (RedisConnectionError, True, 1)


def talkative(connection, _number):
    """Gives an answer too many."""
    connection.recv(1_000)
    connection.sendall(b":1\r\n:2\r\n")
    deaf(connection, 0)


def test_the_answer_to_no_question_is_nobodys():
    with store(talkative) as ask:
        ask.until_sent("PING")
        first = ask.next()
        again = any(ask.until_sent("PING") and ask.next() == 1 for _ in range(3))  # one may still be let in

        assert (first, again) == (1, True)


def garbling(connection, _number):
    connection.recv(1_000)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    deaf(connection, 0)


def test_what_is_no_answer_is_said_to_be_none():
    with store(garbling) as ask:
        ask.until_sent("PING")

        assert isinstance(ask.next(), InvalidResponse)


def loading_first(connection, number):
    while connection.recv(1_000):
        connection.sendall(b":1\r\n" if number else b"-LOADING Redis is loading the dataset in memory\r\n")


def test_a_store_that_says_it_is_away_is_let_go():
    with store(loading_first) as ask:
        ask.until_sent("PING")
        said = ask.next()
        again = ask.until_sent("PING")

        assert (isinstance(said, RedisConnectionError), again, ask.next()) == (True, True, 1)


def test_where_nobody_listens_nothing_is_asked_and_nobody_waits():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        with Redis(port=deaf.getsockname()[1], db=1, protocol=2, socket_timeout=5, driver_info=None) as client:
            ask, started = Asking(Pipe(client.connection_pool)), time.monotonic()
            asked = [ask("PING") or time.sleep(0.01) for _ in range(20)]  # to choose a database it has to be answered

        assert (any(asked), time.monotonic() - started < 2) == (False, True)


def test_where_it_cannot_connect_it_tries_again_a_while_later():
    with store(deaf) as ask:
        ask.pipe._pool.connection_kwargs |= {
            "db": 1,
            "socket_timeout": 0.05,
        }  # to choose a database it has to be answered
        before, begun = readers(), time.monotonic()
        tries = {thread for _ in range(60) for thread in (ask("PING"), readers(), time.sleep(0.02))[1]}
        seconds = time.monotonic() - begun

    assert 2 <= len(tries - before) <= 1 + seconds


def test_over_tls_nothing_is_asked():
    with Redis(ssl=True) as client:
        assert Asking(Pipe(client.connection_pool))("PING") is False


def test_a_store_that_reads_nothing_is_given_up_and_each_question_is_told_once():
    with store(lambda _connection, _number: time.sleep(2)) as ask:
        ask.until_sent("ECHO", "x")
        asked = [ask("ECHO", "x" * 1_000_000) for _ in range(20)]
        said = [ask.next() for _ in range(1 + asked.count(True))]

    assert (asked[-1], {type(error) for error in said}, ask.said.empty()) == (False, {RedisConnectionError}, True)


def test_where_no_thread_is_to_be_had_nothing_is_asked_and_a_later_one_tries_again(pipe):
    ask = Asking(pipe)
    threading.stack_size(1 << 47)  # there is no room for it
    try:
        without = ask("PING")
    finally:
        threading.stack_size(0)

    assert (without, ask.until_sent("PING"), ask.next()) == (False, True, b"PONG")
