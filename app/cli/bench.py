"""`tollgate bench`: how fast this Tollgate is on this machine, as ratios to a bare Flask view."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.bench import measuring, page, report
from app.bench.cases import Ground
from app.bench.measuring import DATABASES, QUICK, Extent
from app.bench.report import Facts
from app.cli.demo_processes import interruptible

GROUNDS = {
    "sqlite": Ground("sqlite", "memory"),
    "sqlite+redis": Ground("sqlite", "redis"),
    "postgresql+redis": Ground("postgresql", "redis"),
}
PARTS = ("gate", "growth", "sales")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--quick", is_flag=True, help="About a minute: the gate on SQLite and Redis, fewer and shorter turns.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Default: all; quick: gate.")
@click.option(
    "--ground", "grounds", multiple=True, type=click.Choice([*GROUNDS]), help="Default: all; quick: sqlite+redis."
)
@click.option("--rounds", type=click.IntRange(1, 50), help="Turns of each case. Default 7; quick: 2.")
@click.option("--seconds", type=click.IntRange(1, 60), help="Length of a turn. Default 2; quick: 1.")
@click.option(
    "--keys",
    type=click.IntRange(1_000, 500_000),
    help="Keys in the database, and a tenth of what they grow to. Default 100,000.",
)
@click.option("--json", "path", type=_FILE, help="Write the figures here; parts not measured now stay in the file.")
@click.option("--page", "markdown", type=_FILE, help="Fill this page's tables from --json, and draw its plot.")
@click.option("--draw", is_flag=True, help="Measure nothing: only fill --page.")
def command(*, quick: bool, parts: tuple[str, ...], grounds: tuple[str, ...], rounds: int | None, seconds: int | None, keys: int | None, path: Path | None, markdown: Path | None, draw: bool) -> None:  # fmt: skip
    """Measure the gate, its growth, and sales, in turns with a bare Flask view. Figures are ratios: absolute ones are this machine's."""
    if (markdown or draw) and not path:
        raise click.UsageError("--page is filled from the file that --json names")
    if draw and not markdown:
        raise click.UsageError("--draw fills the page that --page names")
    if markdown:
        page.check(markdown)
    if path and not draw:
        report.check(path)
    if not draw:
        extent = QUICK if quick else Extent()
        given: dict[str, Any] = {"rounds": rounds, "seconds": seconds, "keys": keys, "most_keys": keys and 10 * keys}
        extent = replace(extent, **{name: value for name, value in given.items() if value})
        chosen = [GROUNDS[name] for name in grounds or (["sqlite+redis"] if quick else [*GROUNDS])]
        found = _measure(parts or (("gate",) if quick else PARTS), chosen, extent)
        if path:
            report.write(path, report.document(found, command=_said(), path=path))
    if path and markdown:
        page.fill(markdown, report.read(path))


def _measure(parts: Sequence[str], grounds: Sequence[Ground], extent: Extent) -> dict[str, list[Facts]]:
    """Every part that is wanted, with its figures. Growth and sales count in Redis, on the databases of `grounds`."""
    click.echo(f"load by {measuring.loader()}", err=True)
    databases = [name for name in DATABASES if any(ground.database == name for ground in grounds)]
    found = {}
    with interruptible(), tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder:
        for part in parts:
            if part == "gate":
                found[part] = measuring.gate(grounds, extent, Path(folder))
            else:
                found[part] = getattr(measuring, part)(databases, extent, Path(folder))
    return found


def _said() -> str:
    """What was typed, for whoever wants to repeat it."""
    return " ".join(["tollgate", *sys.argv[1:]])
