"""`tollgate serve`: migrate, then become the web server."""

import importlib.util
import os
import socket
import sys
from pathlib import Path

import click

from app import catalog_file
from app.config import Settings, load
from migrations import runner

ROOT = Path(__file__).parents[2]  # holds wsgi.py and gunicorn.conf.py, in a checkout and in a wheel
APPLICATION = "wsgi:app"
GRANIAN_THREADS = 4  # unless the operator says: with more they wait for one another (docs/decisions/0016)
GRANIAN = "app.servers.granian_server"
STOP_SECONDS = "30"  # for requests in hand, as gunicorn.conf.py gives them


@click.command()
@click.option("--upgrade/--no-upgrade", default=True, help="Bring the database up to date first.")
@click.option(
    "--server",
    type=click.Choice(["gunicorn", "granian"]),
    default="gunicorn",
    help="granian is several times faster at the gate; it comes with the extra `fast`.",
)
def command(*, upgrade: bool, server: str) -> None:
    """Bring the database up to date and run the web server in the place of this process."""
    settings = load()
    catalog_file.load(settings)
    if server == "granian" and importlib.util.find_spec("granian") is None:
        raise click.ClickException(
            "granian is not installed. Fix: uv sync --extra fast, or pip install 'tollgate[fast]'"
        )
    if server == "granian":
        refuse_a_taken_port(settings)
        os.environ["THREADS"] = str(granian_threads(settings))  # so that the application knows
    if upgrade:
        runner.upgrade(settings.database_url)
    module, options = (GRANIAN, granian(settings)) if server == "granian" else ("gunicorn", gunicorn())
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    os.execv(sys.executable, [sys.executable, "-m", module, *options, APPLICATION])  # noqa: S606 (no shell, nothing of a user's in it)


def refuse_a_taken_port(settings: Settings) -> None:
    """Raises ClickException. granian itself would listen beside any granian that is there already, and count for itself."""
    if settings.address.startswith("unix:"):
        return
    host, _, port = settings.address.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except (OSError, OverflowError, ValueError) as error:  # the last two: that is no port
            raise click.ClickException(
                f"granian cannot listen on {settings.address}: {error}. "
                "Fix: another BIND (or PORT), or stop what has it."
            ) from None


def gunicorn() -> list[str]:
    """Everything else is in its configuration file."""
    return ["--config", str(ROOT / "gunicorn.conf.py"), "--pythonpath", str(ROOT)]


def granian_threads(settings: Settings) -> int:
    """In each worker process."""
    return settings.threads if "threads" in settings.model_fields_set else GRANIAN_THREADS


def granian(settings: Settings) -> list[str]:
    """The same, in granian's words. Proxies need no word: the application itself reads X-Forwarded-For from TRUSTED_PROXIES."""
    host, _, port = settings.address.rpartition(":")
    unix = settings.address.startswith("unix:")
    return [
        *("--interface", "wsgi", "--http", "1", "--no-ws"),
        *(["--uds", settings.address.removeprefix("unix:")] if unix else ["--host", host.strip("[]"), "--port", port]),
        *("--workers", str(settings.web_concurrency), "--blocking-threads", str(granian_threads(settings))),
        "--respawn-failed-workers",  # or one that dies takes all others with it
        *("--workers-kill-timeout", STOP_SECONDS, "--no-access-log", "--log-level", "error"),
    ]
