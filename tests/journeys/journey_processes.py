"""Gateways as real processes: gunicorn with one worker and eight threads, to be killed and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from journey_shop import Shop
from journey_values import CATALOG, SECRETS
from sqlalchemy import text

from app.cli.demo_processes import free_port
from app.db import make_engine
from sandbox import Running

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
READY_SECONDS = 30


@dataclass
class Gateway:
    """A running gunicorn and its shop."""

    shop: Shop
    process: subprocess.Popen

    def kill(self) -> None:
        """SIGKILL to master and worker at once: nothing of it gets to clean up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serve(
    sandbox: Running,
    database_url: str,
    *,
    app: str = "wsgi:app",
    server: str | None = None,
    folder: Path,
    **settings: str,
) -> Iterator[Gateway]:
    """Start it (`server`: by `tollgate serve`), wait until it is ready, kill it at the end. It gets the sandbox's webhooks."""
    port = free_port(0)
    url = f"http://127.0.0.1:{port}"
    sandbox.world.postman.webhooks = f"{url}/v1/webhooks"
    shipped = ["app.cli", "serve", "--server", server]
    chosen = shipped if server else ["gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), app]
    command = [sys.executable, "-m", *chosen]
    environ = _environ(sandbox, database_url, url) | settings
    with (folder / f"gateway-{port}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    gateway = Gateway(Shop(url, sandbox), process)
    try:
        wait_until(lambda: _ready(url, process), seconds=READY_SECONDS)
        with gateway.shop.http:
            yield gateway
    finally:
        if process.poll() is None:
            gateway.kill()


def wait_until(true: Callable[[], bool], *, seconds: float) -> None:
    """Look every 50 ms; raises AssertionError when the time is over."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def workers_of(gateway: Gateway) -> list[int]:
    """The processes that its server forked."""
    pid = gateway.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def count_rows(database_url: str, query: str) -> int:
    """How many rows a query finds: to kill a process at the right moment."""
    engine = make_engine(database_url)
    try:
        with engine.connect() as connection:
            return len(connection.execute(text(query)).all())
    finally:
        engine.dispose()


def _environ(sandbox: Running, database_url: str, url: str) -> dict[str, str]:
    process = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{HERE}", "NO_PROXY": "127.0.0.1"}
    rails = {"STRIPE_API_BASE": sandbox.stripe_base, "BTCPAY_URL": sandbox.btcpay_url}
    place = {"PUBLIC_URL": url, "BIND": url.removeprefix("http://"), "DATABASE_URL": database_url}
    rest = {"CATALOG": str(CATALOG), "WORKER": "off", "SWEEP_SECONDS": "1", "TRUSTED_PROXIES": "127.0.0.1"}
    return process | {name.upper(): value for name, value in SECRETS.items()} | rails | place | rest


def _ready(url: str, process: subprocess.Popen) -> bool:
    assert process.poll() is None, "the gateway ended"
    try:
        return requests.get(f"{url}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
