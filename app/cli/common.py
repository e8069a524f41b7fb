"""What the commands share: the running parts, and plain tables."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

from app.config import load
from app.tollgate import Tollgate
from providers.base import Diagnosis

MARKS = {"ok": "✓", "warning": "!", "error": "✗"}
ACTOR = "admin:cli"  # how the audit log calls whoever has a shell here


DAY = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
since_option = click.option(
    "--since", type=click.DateTime(DAY), callback=lambda *given: in_utc(given[-1]), help="From then on, UTC."
)
until_option = click.option(
    "--until", type=click.DateTime(DAY), callback=lambda *given: in_utc(given[-1]), help="Up to then, UTC."
)


def in_utc(moment: datetime | None) -> datetime | None:
    """What was typed means UTC."""
    return moment and moment.replace(tzinfo=UTC)


def open_tollgate() -> Tollgate:
    """The parts this command works with. Raises SettingsError, CatalogError."""
    from app.factory import assemble  # noqa: PLC0415 (brings the whole web with it)

    return assemble(load())


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as they need to be."""
    cells = [list(headings), *([_text(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def report(lines: Iterable[Diagnosis]) -> None:
    """Print diagnoses as they come, cures under them. Ends the program with 1 when one is an error."""
    failed = False
    for line in lines:
        click.echo(f"{MARKS[line.level]} {line.name}: {line.detail}")
        if line.fix and line.level != "ok":
            click.echo(f"    fix: {line.fix}")
        failed = failed or line.level == "error"
    raise SystemExit(1 if failed else 0)


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:%Y-%m-%d %H:%M}Z" if isinstance(value, datetime) else str(value)
