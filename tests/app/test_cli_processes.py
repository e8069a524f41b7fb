"""Long-running commands: the worker stops when told, the server refuses what it must."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from test_config_settings import CARDS

from migrations import runner

ROOT = Path(__file__).parents[2]
REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}  # it is away


@pytest.fixture
def start(tmp_path):
    """Run a program with settings; stopped afterwards whatever happens."""
    runner.upgrade(f"sqlite:///{tmp_path}/tollgate.db")
    running = []
    ours = {name.upper(): value for name, value in CARDS.items()}
    ours |= {"PRICE_ID_PRO": "price_pro", "DATABASE_URL": f"sqlite:///{tmp_path}/tollgate.db", "LOG_LEVEL": "DEBUG"}

    def _start(*words, **environ):
        path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-m", *words], cwd=tmp_path, env=path | ours | environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
        running.append(process)
        return process

    yield _start
    for process in running:
        process.kill()
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


@pytest.mark.parametrize(("server", "said"), [("gunicorn", "in use"), ("granian", "Fix: another BIND")])
def test_a_port_that_somebody_has_is_named_and_nothing_more(start, server, said):
    with socket.create_server(("127.0.0.1", 0)) as held:
        bind = f"127.0.0.1:{held.getsockname()[1]}"
        process = start("app.cli", "serve", "--server", server, BIND=bind)
        output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert (said in output, "Traceback" in output) == (True, False), output
