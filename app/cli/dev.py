"""`tollgate dev`: for whoever works on Tollgate itself. Needs a checkout; the tests are not in the wheel."""

import importlib
import sys
from typing import Any

import click

from app.cli.demo import ROOT

CHAOS = ROOT / "tests" / "chaos"


@click.group()
def command() -> None:
    """Trials of Tollgate itself, from a checkout."""


@command.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def chaos(options: tuple[str, ...]) -> None:
    """Kill gateways and worker many times and see whether anything is lost. `--help` shows its options."""
    if not CHAOS.is_dir():
        raise click.ClickException(f"{CHAOS} is not there: this needs a checkout, with the development dependencies")
    sys.path[:0] = [str(CHAOS), str(ROOT)]
    program: Any = importlib.import_module("chaos")
    program.main(args=list(options), prog_name="tollgate dev chaos")
