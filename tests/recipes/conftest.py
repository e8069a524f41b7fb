"""Real proxies between a client and an API, with a real gateway as the judge. Everything runs once, on free ports."""

import os
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from recipe_peers import Api, Undecided, send, serving
from recipe_proxies import PROXIES, running

from app import assemble
from app.books import keystore
from app.cli.demo_processes import Processes, free_port
from app.config import Settings
from app.keys import KeyOrder, create, revoke
from migrations import runner

ROOT = Path(__file__).parents[2]
CATALOG = """
[plans.pro]
name = "Pro"
features = ["reports"]
rates = { day = "100000/day" }
[plans.pro.btcpay]
amount = "12.00"
currency = "USD"
term = "30 days"
[plans.bare]
name = "Bare"
[plans.bare.btcpay]
amount = "1.00"
currency = "USD"
term = "30 days"
[plans.small]
name = "Small"
rates = { day = "3/day" }
[plans.small.btcpay]
amount = "1.00"
currency = "USD"
term = "30 days"
"""


@pytest.fixture(scope="session")
def api_port() -> Iterator[int]:
    with serving(Api) as port:
        yield port


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """gunicorn as in production; `seen` has a line for each request: the port it came from, and its path."""
    folder, port = tmp_path_factory.mktemp("gateway"), free_port(0)
    (folder / "catalog.toml").write_text(CATALOG)
    given = {
        "public_url": f"http://127.0.0.1:{port}",
        "database_url": f"sqlite:///{folder / 'tollgate.db'}",
        "catalog": str(folder / "catalog.toml"),
        "secret_key": secrets.token_urlsafe(32),
        "key_peppers": f"v1:{secrets.token_urlsafe(32)}",
        "btcpay_url": "http://127.0.0.1:9",
        "btcpay_api_key": secrets.token_hex(20),
        "btcpay_store_id": "Store1",
        "btcpay_webhook_secret": secrets.token_urlsafe(24),
        "service_tokens": secrets.token_urlsafe(24),
        "worker": "off",
    }
    runner.upgrade(given["database_url"])
    environ = {**os.environ, **{name.upper(): value for name, value in given.items()}, "PYTHONPATH": str(ROOT)}
    processes = Processes(folder, environ)
    log = (
        "--access-logfile",
        str(folder / "seen"),
        "--access-logformat",
        "%({REMOTE_PORT}e)s %(U)s %({CONTENT_LENGTH}e)s",
    )
    try:
        processes.start(
            "gateway",
            *("gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "--bind", f"127.0.0.1:{port}", *log, "wsgi:app"),
        )
        processes.wait_until_up(f"{given['public_url']}/healthz")
        tollgate = assemble(Settings(_env_file=None, **given))
        yield SimpleNamespace(port=port, tollgate=tollgate, seen=folder / "seen", environ=environ)
    finally:
        processes.stop()


@pytest.fixture(scope="session")
def keys(gateway: SimpleNamespace) -> dict[str, str | None]:
    """A key for each situation."""
    tollgate = gateway.tollgate
    good = create(tollgate, KeyOrder("pro"), actor="test")
    reader = create(tollgate, KeyOrder("pro", scopes=("reports:read",)), actor="test")
    bare = create(tollgate, KeyOrder("bare", scopes=()), actor="test")
    gone = create(tollgate, KeyOrder("pro"), actor="test")
    revoke(tollgate, gone.key_id, actor="test")
    with tollgate.db.write() as session:
        unpaid = keystore(session, tollgate).issue(
            "ord_unpaid", "pro", now=tollgate.clock(), mode="test", seed=secrets.token_bytes(32)
        )
    issued = {
        "good": good.api_key,
        "reader": reader.api_key,
        "bare": bare.api_key,
        "revoked": gone.api_key,
        "unpaid": unpaid.secret,
    }
    return {"none": None} | {name: secret.reveal() for name, secret in issued.items()}


@pytest.fixture
def small_key(gateway: SimpleNamespace) -> str:
    """A fresh key with three requests a day."""
    return create(gateway.tollgate, KeyOrder("small"), actor="test").api_key.reveal()


@pytest.fixture(scope="session", params=["nginx", "caddy", "traefik"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, gateway: SimpleNamespace, api_port: int
) -> Iterator[SimpleNamespace]:
    """A proxy with its recipe, of which only the ports are exchanged."""
    folder, port = tmp_path_factory.mktemp(request.param), free_port(0)
    ports = {":8000": f":{gateway.port}", ":9000": f":{api_port}", ":8080": f":{port}"}
    with running(PROXIES[request.param](folder, ports), folder, port):
        yield SimpleNamespace(name=request.param, port=port, address=f"http://127.0.0.1:{port}", ports=ports)


@pytest.fixture
def call(proxy: SimpleNamespace) -> Iterator[Any]:
    """One request of a client to the proxy."""
    with requests.Session() as http:
        http.trust_env = False

        def _call(key: str | None = None, path: str = "/", method: str = "GET", **more: Any) -> requests.Response:
            headers = {**more.pop("headers", {}), **({"X-API-Key": key} if key else {})}
            return http.request(method, proxy.address + path, headers=headers, timeout=10, **more)

        yield _call


@pytest.fixture
def raw(proxy: SimpleNamespace) -> Callable[..., SimpleNamespace]:
    """The same, with target and headers exactly as they are given."""
    return partial(send, proxy.port)


@pytest.fixture
def left(gateway: SimpleNamespace) -> Callable[[str], int]:
    """What a key has left of its day, as Tollgate itself tells."""

    def _left(key: str) -> int:
        answer = requests.post(
            f"http://127.0.0.1:{gateway.port}/v1/keys/verify",
            json={"key": key, "peek": True},
            headers={"Authorization": f"Bearer {gateway.environ['SERVICE_TOKENS']}"},
            timeout=10,
        )
        remaining: int = answer.json()["limits"][0]["remaining"]
        return remaining

    return _left


@pytest.fixture
def unguarded(proxy: SimpleNamespace, tmp_path: Path) -> Iterator[str]:
    """The address of a second proxy of the same kind, whose Tollgate is not there."""
    port = free_port(0)
    ports = {**proxy.ports, ":8000": ":9", ":8080": f":{port}"}
    with running(PROXIES[proxy.name](tmp_path, ports), tmp_path, port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def undecided(proxy: SimpleNamespace, tmp_path: Path) -> Iterator[str]:
    """The address of a second proxy of the same kind, whose Tollgate cannot tell."""
    port = free_port(0)
    with serving(Undecided) as gate_port:
        ports = {**proxy.ports, ":8000": f":{gate_port}", ":8080": f":{port}"}
        with running(PROXIES[proxy.name](tmp_path, ports), tmp_path, port):
            yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def overheard(proxy: SimpleNamespace, api_port: int, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A second proxy of the same kind that asks somebody else, who lets everybody pass and keeps the headers' names as they came."""
    names: list[str] = []

    class Listener(Api):
        def do_GET(self) -> None:  # noqa: N802 (http.server's name)
            names.extend(self.headers)
            super().do_GET()

    port = free_port(0)
    with serving(Listener) as gate_port:
        ports = {":8000": f":{gate_port}", ":9000": f":{api_port}", ":8080": f":{port}"}
        with running(PROXIES[proxy.name](tmp_path, ports), tmp_path, port):
            yield SimpleNamespace(address=f"http://127.0.0.1:{port}/", names=names)
