"""`tollgate demo`: gateway, worker and sandbox on this machine, with play money."""

import os
import secrets
import shlex
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import requests

from app.cli.demo_guard import refuse_beside_live_keys
from app.cli.demo_processes import Processes, free_port, interruptible
from app.cli.demo_story import tell
from app.config import Settings
from app.config.sources import names_of

ROOT = Path(__file__).parents[2]  # where wsgi.py, gunicorn.conf.py and catalog.toml are, in a checkout and in a wheel
PRICES = {"PRO": 1200, "TEAM": 3900, "ENTERPRISE": 9900}  # cents a month, as the catalogue asks in bitcoin
LIMITS = {"PRO": 20, "TEAM": 60, "ENTERPRISE": 200}  # requests a minute: small enough to meet


@dataclass(frozen=True)
class Demo:
    """The secrets and addresses of one run."""

    folder: Path
    port: int
    sandbox_port: int
    smtp_port: int | None = None  # of the sandbox's mail server; None: no mail, no messages
    admin_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def gateway(self) -> str:
        """Where buyers go."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox(self) -> str:
        """Where they pay."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    def environ(self) -> dict[str, str]:
        """For all three processes: nothing of the caller's own Tollgate settings is left in it."""
        ours = {name for field_name, info in Settings.model_fields.items() for name in names_of(field_name, info)}
        kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in ours}
        process = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        return kept | self._settings() | self._sandbox() | self._inbox() | process

    def _settings(self) -> dict[str, str]:
        plans = {f"PRICE_ID_{plan}": _price_id(plan) for plan in PRICES}
        limits = {f"RATE_LIMIT_{plan}": str(limit) for plan, limit in LIMITS.items()}
        return plans | limits | {
            "PUBLIC_URL": self.gateway,
            "BIND": f"127.0.0.1:{self.port}",
            "DATABASE_URL": f"sqlite:///{self.folder / 'tollgate.db'}",
            "CATALOG": str(ROOT / "catalog.toml"),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "KEY_PEPPERS": f"v1:{secrets.token_urlsafe(32)}",
            "ADMIN_TOKEN": self.admin_token,
            "SERVICE_TOKENS": secrets.token_urlsafe(24),
            "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
            "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
            "STRIPE_API_BASE": f"{self.sandbox}/stripe",
            "BTCPAY_URL": f"{self.sandbox}/btcpay",
            "BTCPAY_API_KEY": secrets.token_hex(20),
            "BTCPAY_STORE_ID": "DemoStore",
            "BTCPAY_WEBHOOK_SECRET": secrets.token_urlsafe(24),
            "SWEEP_SECONDS": "60",
            "WORKER": "off",  # it runs beside the gateway, as it would in production
        }  # fmt: skip

    def _sandbox(self) -> dict[str, str]:
        prices = (f"{_price_id(plan)}={amount}:usd:month" for plan, amount in PRICES.items())
        return {
            "SANDBOX_PORT": str(self.sandbox_port),
            "SANDBOX_WEBHOOKS": f"{self.gateway}/v1/webhooks",
            "SANDBOX_PRICES": " ".join(prices),
        }

    def _inbox(self) -> dict[str, str]:
        if self.smtp_port is None:
            return {}
        return {
            "SANDBOX_SMTP_PORT": str(self.smtp_port),
            "SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "MAIL_FROM": "Tollgate demo <shop@example.com>",
            "OPERATOR_EMAIL": "operator@example.com",
            "ALLOW_PRIVATE_WEBHOOKS": "true",  # the receiver is the sandbox, on loopback
        }

    def table(self) -> str:
        """Where everything is."""
        body = '{"plan": "pro", "provider": "stripe", "email": "you@example.com"}'
        order = f"curl -s {self.gateway}/v1/orders -H 'Content-Type: application/json' -H 'Idempotency-Key: {uuid.uuid4()}' -d {shlex.quote(body)}"
        rows = {
            "Pricing page": f"{self.gateway}/",
            "Order endpoint": f"POST {self.gateway}/v1/orders",
            "API docs": f"{self.gateway}/docs",
            "Sandbox": f"{self.sandbox}/   (test pay pages, webhooks, faults)",
            "Inbox": f"{self.sandbox}/inbox   (letters and webhooks that Tollgate sends)",
            "Admin token": self.admin_token,
            "Logs": str(self.folder),
            "Buy a key": order,
        }
        return "\n".join(f"  {name:<14}  {value}" for name, value in rows.items())


def _price_id(plan: str) -> str:
    return f"price_demo_{plan.lower()}"


@click.command()
@click.option("--auto", is_flag=True, help="Play the whole story over HTTP, then stop; exit 0 if all of it worked.")
@click.option(
    "--port", default=8000, show_default=True, help="Port of the gateway; another free one is taken if it is busy."
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Empty or new folder for database and logs; kept afterwards.",
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder afterwards.")
def command(*, auto: bool, port: int, folder: Path | None, keep: bool) -> None:
    """Run gateway, worker and sandbox here with play money. Ctrl-C stops all of it."""
    refuse_beside_live_keys()
    with interruptible(), _folder(folder, keep=keep) as place:
        run = Demo(place, free_port(port), free_port(8010), free_port(8025))
        processes = Processes(place, run.environ())
        try:
            _bring_up(run, processes)
            click.echo(f"Tollgate is running. Test, no real money.\n\n{run.table()}\n")
            worked = tell(run.gateway, run.sandbox, run.admin_token) if auto else _stay(processes)
        finally:
            processes.stop()
    raise SystemExit(0 if worked else 1)


def _bring_up(run: Demo, processes: Processes) -> None:
    click.echo("Preparing the database and starting gateway, worker and sandbox …")
    processes.run("migrations", "app.cli", "db", "upgrade")
    processes.start("sandbox", "sandbox")
    processes.start(
        "gateway", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "--bind", f"127.0.0.1:{run.port}", "wsgi:app"
    )
    processes.start("worker", "app.cli", "worker")
    processes.wait_until_up(f"{run.sandbox}/")
    processes.wait_until_up(f"{run.gateway}/readyz")
    _listen(run)


def _listen(run: Demo) -> None:
    """Have our own webhooks shown in the inbox. Raises ClickException."""
    endpoint = {"url": f"{run.sandbox}/inbox/messages", "description": "the inbox of the demo"}
    with requests.Session() as http:
        http.trust_env = False
        http.headers["Authorization"] = f"Bearer {run.admin_token}"
        answer = http.post(f"{run.gateway}/v1/admin/webhook-endpoints", json=endpoint, timeout=10)
    if answer.status_code != 201:
        raise click.ClickException(f"the inbox cannot listen: {answer.text}")


def _stay(processes: Processes) -> bool:
    """Until Ctrl-C, or until one of the processes ends. Raises ClickException then."""
    click.echo("Ctrl-C stops everything.")
    try:
        while True:
            processes.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        click.echo("\nStopping …")
        return True


@contextmanager
def _folder(folder: Path | None, *, keep: bool) -> Iterator[Path]:
    if folder is None:
        made = Path(tempfile.mkdtemp(prefix="tollgate-demo-"))
        try:
            yield made
        finally:
            if not keep:
                shutil.rmtree(made, ignore_errors=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise click.ClickException(
            f"{folder} is not empty: the secrets of an earlier run are gone, so its keys would not work"
        )
    yield folder.resolve()
