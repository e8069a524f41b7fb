"""The parts of the benchmark, each to its end: what is set up, who takes turns, how long it takes."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click

from app.bench import cases, peers, report, shares
from app.bench.cases import Case, Ground
from app.bench.report import Facts

SALES_ROUNDS = 5
DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of everything. `seconds`: length of a turn; `orders`: sold in each turn of the sales."""

    rounds: int = 7
    seconds: int = 2
    keys: int = 100_000
    most_keys: int = 1_000_000
    orders: int = 300
    whole: bool = True  # peers and one window, too


QUICK = Extent(rounds=2, seconds=1, keys=5_000, most_keys=20_000, orders=50, whole=False)


def gate(grounds: Sequence[Ground], extent: Extent, folder: Path) -> list[Facts]:
    """Everybody on each ground in turn, a table for each."""
    found = []
    for number, ground in enumerate(replace(ground, keys=extent.keys) for ground in grounds):
        more = cases.rest(ground, peers=_peers(ground)) if extent.whole else []
        facts = _rounds([*cases.of_ground(ground), *more], extent, folder / f"gate-{number}")
        report.tell(str(ground), report.HEADINGS, report.rows(facts))
        found += facts
    return found


def growth(databases: Sequence[str], extent: Extent, folder: Path) -> list[Facts]:
    """Verify while one thing at a time grows."""
    found = []
    shared = shares.are_to_be_had()
    if not shared:
        click.echo("no second worker is measured: control groups cannot be made here (as root they can)", err=True)
    for database in databases:
        selection = cases.growing(database, most=extent.most_keys, shares=shared)
        facts = _rounds(selection, extent, folder / f"growth-{database}")
        report.tell(f"{database}+redis, growing", ("keys", *report.HEADINGS), report.rows_with_keys(facts))
        found += facts
    return found


def sales(databases: Sequence[str], extent: Extent, folder: Path) -> list[Facts]:
    """From webhook to working key."""
    from app.bench import sales as selling  # noqa: PLC0415 (brings the whole gateway with it)

    found = []
    rounds = min(extent.rounds, SALES_ROUNDS)
    for database in databases:
        with _progress(2 * (rounds + 1)) as tick:
            found += selling.measure(
                database, folder / f"sales-{database}", rounds=rounds, orders=extent.orders, tick=tick
            )
    report.tell("webhook to key", selling.HEADINGS, selling.rows(found))
    return found


def _rounds(selection: Sequence[Case], extent: Extent, folder: Path) -> list[Facts]:
    """Stand the grounds up, start the servers, take turns."""
    from app.bench.ground import stand  # noqa: PLC0415 (brings the whole gateway with it)
    from app.bench.rounds import Rounds  # noqa: PLC0415

    folder.mkdir(parents=True)
    grounds = dict.fromkeys(case.program.ground for case in selection)
    with ExitStack() as stack:
        standings = {
            ground: stack.enter_context(stand(ground, folder / str(number))) for number, ground in enumerate(grounds)
        }
        turns = Rounds(selection, standings, folder, stack)
        with _progress(len(selection) * (extent.rounds + 1)) as tick:
            return report.facts(turns.run(rounds=extent.rounds, seconds=extent.seconds, tick=tick))


class _progress:  # noqa: N801 (used as a function)
    """A bar on the terminal; what it is given is called with the name of each turn."""

    def __init__(self, length: int) -> None:
        self._bar = click.progressbar(length=length, label="measuring", item_show_func=lambda name: name or "")

    def __enter__(self) -> Callable[[str], None]:
        bar = self._bar.__enter__()
        return lambda name: bar.update(1, name)

    def __exit__(self, *raised: object) -> None:
        self._bar.render_finish()


def _peers(ground: Ground) -> tuple[tuple[str, str], ...]:
    """What other people write, as far as it is installed."""
    fitting = peers.fitting(ground)
    if absent := peers.absent(fitting):
        click.echo(f"not installed, so not compared with: {absent}", err=True)
    return tuple((name, peer.server) for name, peer in fitting.items() if peer.is_there())


def loader() -> str:
    """What asks."""
    return "wrk" if shutil.which("wrk") else "a loop of our own (wrk is not installed)"
