"""`tollgate serve` with either server: the same answers, the same worker inside, the same way to stop."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest
import requests
from journey_cases import SERVICE_TOKEN, play
from journey_processes import count_rows, serve, wait_until, workers_of
from journey_values import SANDBOX

from sandbox import Running

IN_HAND = 0.4  # seconds after which everything is on its way; the provider takes longer than that
LEASED = "SELECT 1 FROM receipts WHERE lease IS NOT NULL"
OPENING = "SELECT 1 FROM checkouts WHERE opening_until IS NOT NULL"
USED = "SELECT 1 FROM usage WHERE requests >= 2"
SETTINGS = {"WORKER": "embedded", "RATE_LIMIT_PRO": "3", "SERVICE_TOKENS": SERVICE_TOKEN}


@pytest.fixture(scope="module")
def lives(tmp_path_factory, redis_server):
    """What became of a gateway on each server, told side by side. With Redis granian answers in another way: nobody waits for it."""
    if redis_server is None:
        pytest.skip("not to be had: Redis")
    servers = {"gunicorn": {}, "granian": {}, "granian+redis": {"REDIS_URL": redis_server}}
    with ThreadPoolExecutor(2) as pool:
        folders = [tmp_path_factory.mktemp(server) for server in servers]
        lived = pool.map(live, servers, folders, servers.values())
        return dict(zip(servers, lived, strict=True))


def live(name, folder, more):
    """It sells, its worker finds a payment whose webhook never came, it answers every case, and stops in the middle of the traffic."""
    database, server, settings = f"sqlite:///{folder / 'shop.db'}", name.partition("+")[0], SETTINGS | more
    with Running(SANDBOX) as sandbox, serve(sandbox, database, folder=folder, server=server, **settings) as gateway:
        shop = gateway.shop
        paid, full, unpaid = shop.buy("team"), shop.buy("pro"), shop.buy("pro")
        shop.act(full, "pay")
        shop.hold(paid, "pay")
        wait_until(lambda: shop.gate(paid) == "allowed", seconds=20)
        cases = play(shop, paid, unpaid, full)
        metrics = requests.get(f"{shop.url}/metrics", timeout=10).text
        exit_code, status, told = stop_in_traffic(gateway, unpaid)
        rows = [count_rows(database, query) for query in (LEASED, OPENING, USED)]
    return SimpleNamespace(cases=cases, metrics=metrics, exit_code=exit_code, answers=(status, told), rows=rows)


def stop_in_traffic(gateway, unpaid):
    """SIGTERM while an order is opened and a webhook is worked on; both need a provider that takes its time."""
    shop = gateway.shop
    letter = shop.hold(unpaid, "pay")[-1]
    with ThreadPoolExecutor(2) as pool, shop.weather(api="slow", delay=1.5):
        order = pool.submit(shop.ask, "team")
        webhook = pool.submit(shop.send, letter)
        time.sleep(IN_HAND)
        gateway.process.send_signal(signal.SIGTERM)
        return gateway.process.wait(30), order.result().status_code, webhook.result().status_code


@pytest.fixture(params=["gunicorn", "granian", "granian+redis"])
def life(request, lives):
    return lives[request.param]


@pytest.mark.parametrize("granian", ["granian", "granian+redis"])
def test_both_servers_give_the_same_answers(lives, granian):
    one, other = (lives[server].cases for server in ("gunicorn", granian))
    differing = {case: (said[2][1], other[case][2][1]) for case, said in one.items() if said != other[case]}

    assert differing == {"not ASCII": ("invalid_key", "missing_key")}  # granian hands on no header that is not ASCII


def test_every_case_has_its_answer(life):
    statuses = {case: said[0] for case, said in life.cases.items()}

    assert statuses == {
        "no key": 401, "malformed": 401, "unknown": 401, "not ASCII": 401, "two keys": 400, "in the query": 401,
        "unpaid": 402, "paid": 200, "bearer": 200, "head": 200, "wrong method": 405, "authz": 200, "authz, posted": 200,
        "authz for nginx": 403, "authz without sense": 422, "authz lacks a scope": 403, "verify": 200, "verify unknown": 200,
        "verify without token": 401, "verify with a wrong token": 403, "verify nothing": 422, "verify no JSON": 400,
        "verify a form": 415, "verify for a cost of 0": 422, "verify for too much": 422, "full": 429, "nowhere": 404,
    }  # fmt: skip


def test_metrics_are_told(life):
    assert "\ntollgate_receipts_due " in life.metrics


def test_told_to_stop_it_answers_what_is_in_hand_and_ends_well(life):
    assert (life.exit_code, life.answers) == (0, (201, 200))


def test_nothing_is_left_leased_and_the_usage_is_written_down(life):
    leased, opening, used = life.rows

    assert (leased, opening) == (0, 0)
    assert used > 0


@pytest.mark.parametrize("server", ["gunicorn", "granian"])
def test_a_worker_that_dies_is_replaced(tmp_path, server):
    database = f"sqlite:///{tmp_path / 'shop.db'}"
    with Running(SANDBOX) as sandbox, serve(sandbox, database, folder=tmp_path, server=server, **SETTINGS) as gateway:
        worker = workers_of(gateway)[-1]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in workers_of(gateway) and is_served(gateway), seconds=30)

        assert gateway.process.poll() is None


@pytest.mark.parametrize("server", ["gunicorn", "granian"])
def test_an_answer_leaves_in_one_packet_and_its_connection_goes_on(tmp_path, server):
    database = f"sqlite:///{tmp_path / 'shop.db'}"
    with (
        Running(SANDBOX) as sandbox,
        serve(sandbox, database, folder=tmp_path, server=server, **SETTINGS) as gateway,
        socket.create_connection(gateway.shop.url.removeprefix("http://").split(":"), timeout=10) as connection,
    ):
        packets = [asked(connection, method, path) for method, path in ONE_AFTER_THE_OTHER]

    assert [packet[9:12] for packet in packets] == [b"200", b"200", b"401", b"404", b"200"]
    assert [whole(packet) for packet in packets] == [True, False, True, True, True]  # a HEAD has no body


ONE_AFTER_THE_OTHER = [
    ("GET", "/v1/plans"), ("HEAD", "/v1/plans"), ("GET", "/v1/authz"), ("GET", "/nowhere"), ("GET", "/healthz"),
]  # fmt: skip


UNREADABLE = [
    (400, b"GET /", b"X-API-Key tg_test_secret"),
    (400, b"GET /", b"X-API-Key: tg_test_secret\r\ntg_test_secret\x01: 1"),
    (400, b"GET /?key=tg_test_secret\xe9", b"A: 1"),
    (400, b"GET /?key=tg_test_secret HTTP/1.1", b"A: 1"),
    (400, b"tg_test_secret /", b"A: 1"),
    (400, b"GET /", b"X-API-Key: tg_test_secret\r\n tg_test_secret"),
    (414, b"GET /?key=tg_test_" + b"a" * 9_000, b"A: 1"),
    (417, b"GET /", b"Expect: tg_test_secret"),
    (431, b"GET /", b"X-API-Key: tg_test_" + b"a" * 9_000),
    (501, b"POST /", b"Transfer-Encoding: tg_test_secret"),
]


def asked(connection, method, path):
    """The first packet of the answer."""
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
    return connection.recv(1 << 20)


def whole(packet):
    """Whether it has all of its body."""
    head, _, body = packet.partition(b"\r\n\r\n")
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) == len(body)


@pytest.fixture(scope="module", params=["gunicorn", "granian"])
def rude(request, tmp_path_factory):
    """A gateway for what no client of good will sends: where it listens, and its log."""
    folder = tmp_path_factory.mktemp(f"rude-{request.param}")
    database = f"sqlite:///{folder / 'shop.db'}"
    with (
        Running(SANDBOX) as sandbox,
        serve(sandbox, database, folder=folder, server=request.param, **SETTINGS) as gateway,
    ):
        yield SimpleNamespace(url=gateway.shop.url, log=next(folder.glob("*.log")))


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO"])
def test_no_header_says_where_the_application_lives(rude, name):
    assert requests.get(f"{rude.url}/v1/plans", headers={name: "/zzz"}, timeout=10).status_code == 200


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/keys/verify"])
def test_a_body_in_chunks_is_refused_where_it_is_too_large(rude, path):
    text = b'{"key": "K"}' + b" " * 70_000 + b"garbage"
    answer = said(rude, chunked(path, b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)))
    assert (status(answer), b"application/problem+json" in answer) == (413, True)


@pytest.mark.parametrize(
    "rude", ["gunicorn"], indirect=True
)  # granian takes what came before the mistake for the whole body
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/keys/verify"])
@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-5\r\n", b"2\r\n{}XX", b"\r\n\r\n"])
def test_a_body_in_malformed_chunks_is_malformed(rude, path, chunks):
    answer = said(rude, chunked(path, chunks))
    assert (status(answer), b"application/problem+json" in answer) == (400, True)
    assert "Traceback" not in rude.log.read_text()


def chunked(path, chunks):
    headers = f"Authorization: Bearer {SERVICE_TOKEN}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
    return f"POST {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{headers}\r\n\r\n".encode() + chunks


@pytest.mark.parametrize("rude", ["gunicorn"], indirect=True)  # granian says nothing of what it cannot read
@pytest.mark.parametrize(("expected", "request_line", "header"), UNREADABLE)
def test_what_cannot_be_read_is_repeated_nowhere(rude, expected, request_line, header):
    answer = said(rude, b"%b HTTP/1.1\r\nHost: shop\r\n%b\r\n\r\n" % (request_line, header))
    assert status(answer) == expected
    assert b"tg_test_" not in answer + rude.log.read_bytes()


@pytest.mark.parametrize("rude", ["gunicorn"], indirect=True)
def test_the_log_says_who_sent_it_and_which_mistake_it_was(rude):
    said(rude, b"GET / HTTP/1.1\r\nX-API-Key tg_test_secret\r\n\r\n")
    assert "from ip=127.0.0.1: InvalidHeader\n" in rude.log.read_text()


def said(rude, request):
    """The whole answer to bytes that no library sends."""
    with socket.create_connection(rude.url.removeprefix("http://").split(":"), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def status(answer):
    return int(answer[9:12])


def is_served(gateway):
    with suppress(requests.RequestException):
        return requests.get(f"{gateway.shop.url}/readyz", timeout=5).status_code == 200
