"""`tollgate bench`: how fast this Tollgate is on this machine, as ratios to a bare Flask view."""

import importlib.util
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from app.bench import cases, report
from app.bench.cases import Case, Ground, Result
from app.cli.common import table

GROUNDS = {
    "sqlite": Ground("sqlite", "memory"),
    "sqlite+redis": Ground("sqlite", "redis"),
    "postgresql+redis": Ground("postgresql", "redis"),
}


@click.command()
@click.option("--quick", is_flag=True, help="Under a minute: one ground, fewer and shorter turns.")
@click.option(
    "--ground", "grounds", multiple=True, type=click.Choice([*GROUNDS]), help="Default: all; quick: SQLite and Redis."
)
@click.option("--rounds", type=click.IntRange(1, 50), help="Turns of each case. Default 7; quick: 2.")
@click.option("--seconds", type=click.IntRange(1, 60), help="Length of a turn. Default 2; quick: 1.")
@click.option(
    "--keys", type=click.IntRange(1_000, 2_000_000), help="Keys in the database. Default 100,000; quick: 5,000."
)
@click.option(
    "--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Also write everything into this file."
)
def command(*, quick: bool, grounds: tuple[str, ...], rounds: int | None, seconds: int | None, keys: int | None, path: Path | None) -> None:  # fmt: skip
    """Measure bare Flask, a gated view, verify and authz, in turns. Figures are ratios: absolute ones are this machine's."""
    chosen = [GROUNDS[name] for name in grounds or (["sqlite+redis"] if quick else [*GROUNDS])]
    measured = []
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder:
        for number, ground in enumerate(chosen):
            ground = Ground(ground.database, ground.counter, keys or (5_000 if quick else ground.keys))  # noqa: PLW2901
            selection = (
                cases.of_ground(ground) if quick else [*cases.of_ground(ground), *cases.rest(ground, peers=peers())]
            )
            results = measure(selection, ground, Path(folder) / str(number), rounds=rounds or (2 if quick else 7), seconds=seconds or (1 if quick else 2))  # fmt: skip
            click.echo(f"\n{ground}")
            table(report.HEADINGS, report.rows(results))
            measured.append((ground, results))
    if path:
        report.write(path, report.document(measured))


def measure(selection: Sequence[Case], ground: Ground, folder: Path, *, rounds: int, seconds: float) -> list[Result]:
    """Stand the ground up, start the servers, take turns."""
    from app.bench.ground import stand  # noqa: PLC0415 (brings the whole gateway with it)
    from app.bench.rounds import Rounds  # noqa: PLC0415

    with ExitStack() as stack:
        standing = stack.enter_context(stand(ground, folder))
        turns = Rounds(selection, standing, folder, stack)
        with click.progressbar(length=len(selection) * (rounds + 1), label="measuring", item_show_func=str) as bar:
            return turns.run(rounds=rounds, seconds=seconds, tick=lambda name: bar.update(1, name))


def peers() -> tuple[str, ...]:
    """What other people write, as far as it is installed (`uv sync --group bench`)."""
    from app.bench.contestants import PEERS  # noqa: PLC0415

    return tuple(name for name, (_, needs) in PEERS.items() if importlib.util.find_spec(needs))
