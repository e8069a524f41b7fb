"""One real run for every guard that needs it: gateway and worker as processes, the sandbox here, so that we hear what it is sent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import house
import pytest
import requests
from flask import request

from app.cli.demo import Demo
from app.cli.demo_processes import Processes, free_port
from migrations import runner
from sandbox.config import Config
from sandbox.server import Running


@dataclass(frozen=True)
class Run:
    """A gateway that logs all it can, the sandbox it sells through, and everything that the sandbox was asked."""

    demo: Demo
    environ: Mapping[str, str]
    heard: list[str]
    http: requests.Session

    def ask(self, method: str, path: str, *, key: str = "", **options: Any) -> requests.Response:
        """One request to the gateway."""
        headers = options.pop("headers", {}) | ({"X-API-Key": key} if key else {})
        return self.http.request(method, self.demo.gateway + path, headers=headers, timeout=20, **options)

    def press(self, order: Mapping[str, Any], button: str) -> None:
        """Press a button of the order's pay page, and wait until the webhooks have arrived."""
        self.http.post(order["checkout_url"], data={"do": button}, timeout=20, allow_redirects=False).raise_for_status()
        self.sandbox("drain")

    def sandbox(self, control: str, **body: Any) -> None:
        """Use the sandbox's control interface."""
        self.http.post(f"{self.demo.sandbox}/sandbox/{control}", json=body, timeout=20).raise_for_status()

    def files(self, pattern: str) -> bytes:
        """Everything in the run's files of that name."""
        return b"\0".join(path.read_bytes() for path in sorted(self.demo.folder.glob(pattern)))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Started once, stopped at the end."""
    demo = Demo(tmp_path_factory.mktemp("run"), free_port(0), free_port(0))
    environ = demo.environ() | {"LOG_LEVEL": "DEBUG"}
    runner.upgrade(environ["DATABASE_URL"])
    with listening_sandbox(environ) as heard, running_gateway(demo, environ), requests.Session() as http:
        http.trust_env = False
        yield Run(demo, environ, heard, http)


@contextmanager
def listening_sandbox(environ: Mapping[str, str]) -> Iterator[list[str]]:
    """The sandbox on a thread; each request it gets is written down, decoded."""
    heard: list[str] = []
    sandbox = Running(Config.from_env(environ))

    def note() -> None:
        heard.append(
            unquote_plus(
                f"{request.method} {request.url}\n{request.headers}\n{request.get_data(cache=True, as_text=True)}"
            )
        )

    sandbox._server.app.before_request(note)
    with sandbox:
        yield heard


@contextmanager
def running_gateway(demo: Demo, environ: Mapping[str, str]) -> Iterator[Processes]:
    """gunicorn as in production, with the worker inside."""
    processes = Processes(demo.folder, {**environ, "WORKER": "embedded"})
    configuration = str(house.ROOT / "gunicorn.conf.py")
    try:
        processes.start(
            "gateway", "gunicorn", "--config", configuration, "--bind", f"127.0.0.1:{demo.port}", "wsgi:app"
        )
        processes.wait_until_up(f"{demo.gateway}/readyz")
        yield processes
    finally:
        processes.stop()
