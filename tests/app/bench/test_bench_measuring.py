"""Measuring: the loader, many keys at once, the rail that answers at once, and whole turns against real servers."""

import asyncio
import shutil
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from threading import Thread

import pytest

from app.bench import load, sales, seeding, shares
from app.bench.cases import Case, Ground, Program
from app.bench.ground import CATALOG, settings_of
from app.bench.rounds import Rounds
from app.bench.running import Server
from app.factory import assemble
from app.gate import Gate
from migrations import runner


class Counting(BaseHTTPRequestHandler):
    """Answers 204, and 429 to every key that begins with b."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.server.seen.append(self.headers["X-API-Key"])
        self.server.callers.add(self.client_address)
        self.send_response(429 if self.headers["X-API-Key"].startswith("b") else 204)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close" if self.close_connection else "keep-alive")
        self.end_headers()

    def log_message(self, *_):
        pass


class Quiet(ThreadingHTTPServer):
    """Room for every connection, and no word about those that are cut when a turn ends."""

    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, *_):
        pass


@pytest.fixture
def listening():
    with Quiet(("127.0.0.1", 0), Counting) as server:
        server.seen, server.callers = [], set()
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def requests(tmp_path):
    """Write requests for these keys."""

    def _requests(*keys, moving=False):
        (tmp_path / "keys.txt").write_text("".join(f"{key}\n" for key in keys))
        return load.prepare(tmp_path / "r.txt", what="gated", keys=tmp_path / "keys.txt", active=100, moving=moving)

    return _requests


def own(port, requests, start=0):
    lines = load._lines_of(requests)
    return asyncio.run(load._own(port, islice(cycle(lines), start, None), 0.2))


def test_our_own_loader_counts_what_was_not_answered_well(listening, requests):
    seen = own(listening.server_port, requests("good", "bad"))

    assert seen.requests == len(listening.seen)
    assert seen.failed == listening.seen.count("bad") > 0


def test_a_turn_goes_on_where_the_one_before_it_ended(listening, requests):
    keys = [f"a{number}" for number in range(100)]

    own(listening.server_port, requests(*keys), start=60)

    assert listening.seen[0] in keys[60 : 60 + load.CONNECTIONS]


def test_touching_asks_for_every_key_once(listening, requests):
    keys = [f"a{number}" for number in range(40)]

    load.touch(listening.server_port, requests(*keys))

    assert sorted(listening.seen) == sorted(keys)


def test_connections_are_given_up_now_and_then_where_several_workers_are_to_have_them(listening, requests):
    keys = [f"a{number}" for number in range(100)]

    seen = own(listening.server_port, requests(*keys, moving=True))

    assert (seen.requests, seen.failed) == (len(listening.seen), 0)
    assert len(listening.callers) > load.CONNECTIONS


@pytest.mark.skipif(shutil.which("wrk") is None, reason="not to be had: wrk")
def test_wrk_counts_what_was_not_answered_well(listening, requests):
    seen = load.run(listening.server_port, requests("good", "bad"), seconds=1)

    assert 0 < seen.failed < seen.requests


@pytest.fixture
def empty(database_url, tmp_path):
    """A migrated database with the benchmark's plans."""
    (tmp_path / "catalog.toml").write_text(CATALOG)
    runner.upgrade(database_url)
    environ = {
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": "bench-k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A",
        "KEY_PEPPERS": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7",
        "DATABASE_URL": database_url,
        "CATALOG": f"{tmp_path}/catalog.toml",
        "BTCPAY_URL": "http://127.0.0.1:9",
        "BTCPAY_API_KEY": "bench-b7Kd2Wq9Zx4Lm1Rv",
        "BTCPAY_STORE_ID": "Store1",
        "BTCPAY_WEBHOOK_SECRET": "bench-h5Tn8Yc3Vb6Qw1Xz",
    }
    tollgate = assemble(settings_of(environ))
    yield tollgate
    tollgate.db.engine.dispose()


def test_keys_issued_in_bulk_work_and_count_as_used(empty):
    key = list(seeding.issue_many(empty, "bench3", 3))[-1]

    decision = Gate(empty).decide({"X-API-Key": key})

    assert (decision.outcome, decision.record.used) == ("allowed", True)


def test_a_case_is_measured_on_a_real_server(ground, tmp_path):
    case = Case("verify", Program("tollgate", "gthread", Ground("sqlite", "redis", keys=5)), active=5)
    with ExitStack() as stack:
        turns = Rounds([case], {case.program.ground: ground}, tmp_path, stack)
        (found,) = turns.run(rounds=1, seconds=1, tick=lambda _: None)

    assert (found.failed, round(found.asked.redis), found.asked.sql) == (0, 1, 0)  # a connection made anew greets, too
    assert min(found.rate, found.cpu_us, found.memory, found.p99) > 0


@pytest.mark.skipif(not shares.are_to_be_had(), reason="not to be had: control groups")
@pytest.mark.parametrize("server", ["gthread", "granian"])
def test_a_worker_with_a_part_of_a_core_uses_no_more(ground, tmp_path, server):
    program = Program("tollgate", server, Ground("sqlite", "redis", keys=5), workers=2, share=0.1)
    with ExitStack() as stack:
        turns = Rounds([Case("verify", program, active=5)], {program.ground: ground}, tmp_path, stack)
        (found,) = turns.run(rounds=1, seconds=1, tick=lambda _: None)

    assert found.failed == 0
    assert 0.05 < found.busy < 0.3


def test_an_order_is_sold_on_a_real_server_from_webhook_to_working_key(ground, tmp_path):
    with ExitStack() as stack:
        standing = sales.with_cards(ground, stack)
        server = Server(Program("tollgate", "gthread", Ground("sqlite", "redis", keys=5)), standing, tmp_path)
        stack.callback(server.stop)
        tollgate = assemble(settings_of(standing.environ))
        stack.callback(tollgate.db.engine.dispose)

        sale = sales.sell(server, sales.open_orders(tollgate, 2))

    assert len(sale.times) == 2
    assert max(sale.times) < sales.PATIENCE * 1e3
