"""Long-running commands: the worker stops when told, the server refuses what it must."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests
from redis_cluster import wait_until
from test_config_settings import CARDS

from app.cli.demo_processes import free_port

ROOT = Path(__file__).parents[2]
REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}  # it is away


@pytest.fixture
def start(tmp_path, sqlite_url):
    """Run a program with settings; stopped afterwards whatever happens."""
    running = []
    ours = {name.upper(): value for name, value in CARDS.items()}
    ours |= {"PRICE_ID_PRO": "price_pro", "DATABASE_URL": sqlite_url, "LOG_LEVEL": "DEBUG"}

    def _start(*words, **environ):
        path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-m", *words], cwd=tmp_path, env=path | ours | environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)  # fmt: skip
        running.append(process)
        return process

    yield _start
    for process in running:
        with suppress(ProcessLookupError):  # with its workers, which would go on for a while
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def gunicorn(start, *options, **environ):
    return start("gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), *options, "wsgi:app", **environ)


def said_until(process, words):
    """Its lines, up to the one that has the words."""
    return next(line for line in process.stdout if words in line)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_stops_cleanly_when_told(start, how):
    process = start("app.cli", "worker")
    assert "the worker has started" in process.stdout.readline()

    process.send_signal(how)
    output, _ = process.communicate(timeout=30)

    assert (process.returncode, "Traceback" in output) == (0, False), output


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        (["--workers", "2"], {}, "2 workers would each count limits for themselves"),
        (["--preload"], {}, "--preload loads wsgi.py before workers are forked"),
        ([], {"WEB_CONCURRENCY": "2"}, "REDIS_URL is not set"),
        ([], {"SECRET_KEY": "changeme"}, "SECRET_KEY still holds a placeholder"),
        ([], {"CATALOG": "/nowhere.toml"}, "/nowhere.toml: this file cannot be read"),
    ],
)
def test_the_server_refuses_to_start_on_what_would_be_wrong(start, options, environ, said):
    process = gunicorn(start, "--bind", "127.0.0.1:0", *options, **environ)

    output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert (said in output, "Traceback" in output) == (True, False), output


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "--config", os.devnull, "--bind", "127.0.0.1:0", "-w2", "wsgi:app"],
        ["granian", "--interface", "wsgi", "--port", "0", "--workers", "2", "wsgi:app"],
    ],
    ids=["gunicorn", "granian"],
)
def test_nor_does_a_server_that_did_not_read_our_configuration(start, command):
    output, _ = (process := start(*command)).communicate(timeout=60)

    assert process.returncode != 0
    assert "2 workers would each count limits for themselves" in output


def test_nor_does_one_that_says_it_in_a_file_of_its_own_answer_anything(start, tmp_path):
    (tmp_path / "other.py").write_text("workers = 2")
    bind = f"127.0.0.1:{free_port(0)}"
    start("gunicorn", "--config", str(tmp_path / "other.py"), "--bind", bind, "--no-control-socket", "wsgi:app")
    wait_until(lambda: answered(bind) is not None)

    answer = requests.get(f"http://{bind}/v1/plans", timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "set REDIS_URL" in answer.json()["detail"]


def test_a_server_that_runs_adds_no_worker_that_would_have_been_refused(start):
    process = gunicorn(start, "--bind", "127.0.0.1:0", "--graceful-timeout", "3")
    said_until(process, "Booting worker")

    process.send_signal(signal.SIGTTIN)
    said_until(process, "going on with 1 worker")
    process.terminate()
    output, _ = process.communicate(timeout=60)

    assert "Booting worker" not in output


def test_more_workers_than_were_announced_are_warned_of_and_start(start):
    process = gunicorn(start, "--bind", "127.0.0.1:0", "--graceful-timeout", "3", "--workers", "2", **REDIS)
    said = said_until(process, "GATE_WORKERS_TOTAL")
    [said_until(process, "Booting worker") for _ in range(2)]
    process.terminate()
    process.communicate(timeout=60)

    assert "2 workers, while GATE_WORKERS_TOTAL (if left out, WEB_CONCURRENCY) says 1" in said


@pytest.fixture(params=["gunicorn", "granian"])
def socket_of_its_own(start, tmp_path, request):
    """Where a server is to be had whose proxy is trusted."""
    place = tmp_path / "s"
    more = {"BIND": f"unix:{place}", "TRUSTED_PROXIES": "unix", "WORKER": "off", "LOG_LEVEL": "ERROR"}
    process = start("app.cli", "serve", "--server", request.param, **more)
    wait_until(lambda: is_open(place))
    yield place
    process.terminate()  # or granian's worker lives on
    process.communicate(timeout=60)


def claimed(place, client):
    """What a client whose address the proxy tells is answered over a unix socket."""
    headers = {"Content-Type": "application/json", "X-Forwarded-For": client}
    with closing(HTTPConnection("pay.shop.dev")) as http, socket.socket(socket.AF_UNIX) as http.sock:
        if http.sock.connect_ex(str(place)):
            return None
        http.request("POST", "/v1/orders/recover/claim", b'{"token": "none"}', headers)
        return http.getresponse().status


def is_open(place):
    with suppress(ConnectionError):  # it may hang up while it starts
        return claimed(place, "192.0.2.1") == 410


def test_behind_a_trusted_proxy_on_a_unix_socket_each_client_has_its_own_limits(socket_of_its_own):
    flooding = [claimed(socket_of_its_own, "198.51.100.1") for _ in range(70)]

    assert (429 in flooding, claimed(socket_of_its_own, "198.51.100.2")) == (True, 410)


def test_gunicorn_refuses_a_unix_socket_without_a_trusted_proxy_however_it_is_told(start, tmp_path):
    process = gunicorn(start, "--bind", f"unix:{tmp_path}/s")

    output, _ = process.communicate(timeout=30)

    assert (process.returncode, "TRUSTED_PROXIES does not hold unix" in output) == (1, True), output


@pytest.mark.parametrize(("server", "said"), [("gunicorn", "in use"), ("granian", "Fix: another BIND")])
def test_a_port_that_somebody_has_is_named_and_nothing_more(start, server, said):
    with socket.create_server(("127.0.0.1", 0)) as held:
        bind = f"127.0.0.1:{held.getsockname()[1]}"
        process = start("app.cli", "serve", "--server", server, BIND=bind)
        output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert (said in output, "Traceback" in output) == (True, False), output


@pytest.fixture
def granian(start):
    """Two workers that serve, and where."""
    bind = f"127.0.0.1:{free_port(0)}"
    process = start("app.cli", "serve", "--server", "granian", BIND=bind, **REDIS, WEB_CONCURRENCY="2")
    wait_until(lambda: is_served(bind))
    return process, bind


def test_a_second_granian_is_refused_as_anybody_else_is(start, granian):
    output, _ = (second := start("app.cli", "serve", "--server", "granian", BIND=granian[1])).communicate(timeout=30)

    assert (second.returncode, "Fix: another BIND" in output) == (1, True), output


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGQUIT])
def test_the_workers_of_a_granian_that_was_killed_do_not_go_on_serving(granian, how):
    process, bind = granian
    process.send_signal(how)

    wait_until(lambda: not is_served(bind))


@pytest.mark.parametrize("bind", ["192.0.2.1:8000", "nowhere.invalid:8000"])
def test_an_address_that_is_none_of_ours_is_said_to_be_wrong(start, bind):
    output, _ = (process := start("app.cli", "serve", "--server", "granian", BIND=bind)).communicate(timeout=30)

    assert (process.returncode, f"cannot listen on {bind}" in output, "Traceback" in output) == (1, True, False), output


def answered(bind):
    with suppress(requests.RequestException):
        return requests.get(f"http://{bind}/healthz", timeout=5)


def is_served(bind):
    return getattr(answered(bind), "status_code", None) == 200
