"""`tollgate`: one command line for whoever runs it. Each group loads only when it is used."""

import importlib
from functools import cache
from typing import Final

import click

from app.loading import loading

with loading():
    from app.cli.failures import Failures

COMMANDS: Final = {  # name -> module in this folder; its `command` is the click command
    "admin-tokens": "admin_tokens",
    "audit": "audit",
    "bench": "bench",
    "config": "config",
    "db": "db",
    "demo": "demo",
    "dev": "dev",
    "doctor": "doctor",
    "endpoints": "endpoints",
    "entitlements": "entitlements",
    "keys": "keys",
    "orders": "orders",
    "parcels": "parcels",
    "plans": "plans",
    "receipts": "receipts",
    "reconcile": "reconcile",
    "report": "report",
    "serve": "serve",
    "webhooks": "receipts",  # the word people look for
    "worker": "worker",
}


class Lazy(Failures):
    """A group whose commands live in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Every name, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """The command of that name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        return _load(COMMANDS[cmd_name])


@cache
def _load(name: str) -> click.Command:
    with loading():
        command: click.Command = importlib.import_module(f"app.cli.{name}").command
    return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tollgate")
def main() -> None:
    """Sell API keys by card and by bitcoin, and guard the API behind them."""
