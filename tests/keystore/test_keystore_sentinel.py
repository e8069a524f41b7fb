"""A sentinel without a password, and two servers with one, of which it names one the master."""

import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import pytest
from redis import Redis
from redis_cluster import free_ports, wait_until

from keystore import CounterStoreDown, Rate, RedisCounter

RATES = (Rate("minute", 9, 10_000_000),)


PASSWORD = "hunter2hunter2"


@pytest.fixture
def watched(redis_software, tmp_path):
    """The ports of two servers and of their sentinel, which takes the first one for the master."""
    one, two, sentinel = free_ports(3)
    watching = f"port {sentinel}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {one} 1\nsentinel auth-pass main {PASSWORD}\n"
    (tmp_path / "sentinel.conf").write_text(watching)
    serving = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", PASSWORD)
    programs = [
        (str(tmp_path / "sentinel.conf"), "--sentinel"),
        *(("--port", str(port), *serving) for port in (one, two)),
    ]
    with ExitStack() as stack:
        for program in programs:
            process = subprocess.Popen([redis_software, *program], cwd=tmp_path, stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
        for port in (one, two, sentinel):
            wait_until(lambda port=port: ask(port, "PING", password=None if port == sentinel else PASSWORD))
        yield SimpleNamespace(
            one=one, two=two, sentinel=sentinel, url=f"redis+sentinel://:{PASSWORD}@127.0.0.1:{sentinel}/main"
        )


@pytest.fixture
def mute():
    """Addresses of two sentinels that take everything and answer nothing."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        yield ",".join(f"127.0.0.1:{server.getsockname()[1]}" for server in (one, other))


@pytest.fixture
def lost():
    """A port that nobody can connect to: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as stack:
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def ask(port, *command, password=PASSWORD):
    with Redis(port=port, password=password, socket_timeout=5, decode_responses=True) as redis:
        return redis.execute_command(*command)


def is_counted(counter):
    """A connection to the master of before fails first."""
    with suppress(CounterStoreDown):
        return counter.count("ent_1", RATES).admitted


def test_the_master_counts_and_so_does_the_next_one(watched):
    counter = RedisCounter(watched.url, timeout=5)
    counter.count("ent_1", RATES)
    counted = ask(watched.one, "DBSIZE"), ask(watched.two, "DBSIZE")
    ask(watched.sentinel, "SENTINEL", "REMOVE", "main", password=None)
    ask(watched.sentinel, "SENTINEL", "MONITOR", "main", "127.0.0.1", watched.two, 1, password=None)
    ask(watched.one, "CLIENT", "KILL", "TYPE", "normal")
    wait_until(lambda: is_counted(counter))

    assert (counted, ask(watched.two, "DBSIZE")) == ((1, 0), 1)


def test_the_master_is_asked_whether_it_throws_counts_away(watched):
    ask(watched.one, "CONFIG", "SET", "maxmemory", "100mb")
    ask(watched.one, "CONFIG", "SET", "maxmemory-policy", "volatile-lru")

    assert RedisCounter(watched.url, timeout=5).eviction() == "volatile-lru"


def test_mute_sentinels_cost_one_time_out_in_all(mute):
    counter = RedisCounter(f"redis+sentinel://{mute},{mute}/main", timeout=1)
    started = time.monotonic()
    with pytest.raises(CounterStoreDown):
        counter.count("ent_1", RATES)

    assert time.monotonic() - started < 1.5


def test_one_sentinel_that_answers_among_mute_ones_is_found_within_a_time_out(watched, mute):
    counter = RedisCounter(watched.url.replace("@", f"@{mute},"), timeout=1)
    started = time.monotonic()

    assert counter.count("ent_1", RATES).admitted
    assert time.monotonic() - started < 1.5


def test_a_lost_master_and_a_mute_sentinel_cost_one_time_out_in_all(watched, mute, lost):
    ask(watched.sentinel, "SENTINEL", "REMOVE", "main", password=None)
    ask(watched.sentinel, "SENTINEL", "MONITOR", "main", "127.0.0.1", lost, 1, password=None)
    counter = RedisCounter(watched.url.replace("@", f"@{mute.split(',')[0]},"), timeout=1)
    started = time.monotonic()
    with pytest.raises(CounterStoreDown):
        counter.count("ent_1", RATES)

    assert time.monotonic() - started < 1.4
