"""What chaos happens to: real gateways (gunicorn) and a worker on one database, and the sandbox in this process."""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from types import MappingProxyType

import requests
from sqlalchemy import select

from app.cli.demo import ROOT, Demo
from app.cli.demo_processes import Processes, free_port
from app.db import Database
from app.models import Checkout, Parcel, Receipt
from migrations import runner
from sandbox.config import Config
from sandbox.server import Running

CATALOG = Path(__file__).with_name("chaos_catalog.toml")
PRICES = "price_pro=1200:usd:month price_once=9900:usd"
RETRIES = (0.1, 0.3, 0.6, 1.0)  # seconds between the attempts of a delivery; after the last the drain sends it by hand
READY_WITHIN = 60.0
WORKER = "worker"


@dataclass
class Stage:
    """The processes of one trial. Hosts differ in their ports only: they share the database, as two machines would."""

    demo: Demo
    environ: dict[str, str]
    sandbox: Running
    db: Database
    processes: Processes
    hosts: tuple[str, ...]
    ready_after: dict[str, list[float]] = field(default_factory=dict)  # "worker" | "server": seconds from kill to ready
    log_sizes: dict[str, int] = field(default_factory=dict)
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def armed(self) -> Path:
        """The file that arms a failpoint."""
        return self.demo.folder / "armed"

    def start(self, name: str) -> None:
        """Start a gateway by its address, or the worker."""
        if name == WORKER:
            self.processes.start(name, "app.cli", "worker")
            return
        bind, config = name.removeprefix("http://"), str(ROOT / "gunicorn.conf.py")
        self.processes.start(_log(name), "gunicorn", "--config", config, "--bind", bind, "wsgi:app")

    def kill(self, name: str) -> None:
        """SIGKILL to all processes of it, as when a machine loses power."""
        process = self.processes.running[_log(name)]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str, *, within: float) -> tuple[int, float]:
        """SIGTERM, as a supervisor would; gives exit code and seconds. Raises subprocess.TimeoutExpired."""
        process, begun = self.processes.running[_log(name)], time.monotonic()
        process.send_signal(signal.SIGTERM)
        return process.wait(within), time.monotonic() - begun

    def forget_victims(self) -> None:
        """Whoever dies from now on counts."""
        self.log_sizes = {name: self._log_of(name).stat().st_size for name in (*self.hosts, WORKER)}

    def find_victim(self, place: str) -> str:
        """Who said last that it dies at this place. Raises TimeoutError."""
        give_up = time.monotonic() + READY_WITHIN
        while time.monotonic() < give_up:
            for name, size in self.log_sizes.items():
                if f"failpoint {place}".encode() in self._log_of(name).read_bytes()[size:]:
                    return name
            time.sleep(0.01)
        raise TimeoutError(f"somebody took {self.armed} away and did not die")

    def _log_of(self, name: str) -> Path:
        return self.demo.folder / f"{_log(name)}.log"

    def wait_until_ready(self, host: str, *, since: float, what: str) -> None:
        """Until a host serves; notes how long it took. Raises TimeoutError."""
        while time.monotonic() < since + READY_WITHIN:
            with suppress(requests.RequestException):
                if self.http.get(f"{host}/readyz", timeout=(0.5, 10)).status_code == 200:
                    self.ready_after.setdefault(what, []).append(time.monotonic() - since)
                    return
            time.sleep(0.02)
        raise TimeoutError(f"{host} is not ready after {READY_WITHIN:.0f} s:\n{self.processes.tail(_log(host))}")

    def control(self, path: str, **body: object) -> requests.Response:
        """The sandbox's control interface."""
        return self.http.post(f"{self.sandbox.url}/sandbox/{path}", json=body, timeout=30)

    def pass_time(self, **delta: float) -> None:
        """Let leases run out and everything fall due, as if we had waited: dates in the database move back."""
        earlier = timedelta(**delta)
        waiting = (
            (select(Receipt).where(Receipt.state == "due"), ("due_at", "lease_until")),
            (select(Parcel).where(Parcel.state == "due"), ("due_at", "lease_until")),
            (select(Checkout), ("opening_until", "asked_at")),
        )
        for query, columns in waiting:
            with self.db.write() as session:
                for row, column in product(session.scalars(query), columns):
                    moment = getattr(row, column)
                    setattr(row, column, moment and moment - earlier)


@contextmanager
def open_stage(
    database_url: str,
    *,
    hosts: int,
    folder: Path,
    redis_url: str | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Stage]:
    """A migrated database, the sandbox, `hosts` gateways and a worker, all serving. Several hosts need Redis, as ever."""
    demo = Demo(folder, free_port(0), free_port(0))
    addresses = (demo.gateway, *(f"http://127.0.0.1:{free_port(0)}" for _ in range(hosts - 1)))
    environ = demo.environ() | _settings(demo, database_url, hosts=hosts) | more
    if redis_url:
        environ["REDIS_URL"] = redis_url
    runner.upgrade(database_url)
    sandbox = Running(replace(Config.from_env(environ), retries=RETRIES))
    processes, db = Processes(folder, environ), Database(database_url)
    with sandbox, requests.Session() as http:
        http.trust_env = False
        stage = Stage(demo, environ, sandbox, db, processes, addresses, http=http)
        try:
            _bring_up(stage, (*addresses, WORKER))
            yield stage
        finally:
            processes.stop()
            db.engine.dispose()


def _bring_up(stage: Stage, names: Sequence[str]) -> None:
    begun = time.monotonic()
    for name in names:
        stage.start(name)
    for host in stage.hosts:
        stage.wait_until_ready(host, since=begun, what="first start")


def _settings(demo: Demo, database_url: str, *, hosts: int) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "CATALOG": str(CATALOG),
        "SANDBOX_PRICES": PRICES,
        "SWEEP_SECONDS": "1",
        "LOG_LEVEL": "WARNING",
        "TRUSTED_PROXIES": "127.0.0.1",
        "GATE_WORKERS_TOTAL": str(hosts),
        "FAILPOINT": f"@{demo.folder / 'armed'}",
    }


def _log(name: str) -> str:
    return name if name == WORKER else f"gateway-{name.rpartition(':')[2]}"
