"""Kill the gateway wherever it may die, many times, and see whether anything is lost: `tollgate dev chaos`."""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
from chaos_report import Report
from chaos_rounds import RANDOM, Round, plan, play
from chaos_servers import own_database, own_redis
from chaos_stage import open_stage
from sqlalchemy import URL, make_url

from app.failpoints import POINTS

DATABASES = ("sqlite", "postgresql")
MOST_HOSTS = 2


@dataclass(frozen=True)
class Trial:
    """One ground and how many rounds are played on it."""

    database: str
    hosts: int
    rounds: int
    first: int = 0  # which place of the plan to begin with
    only: str | None = None
    server: URL | None = None  # PostgreSQL
    seed: int = 0

    @property
    def ground(self) -> str:
        """Its name in the table."""
        return f"{self.database}, {self.hosts} host{'s' if self.hosts > 1 else ''}"


def run(trial: Trial, report: Report, *, until: float, after_round: Callable[[Round], None] = lambda _: None) -> None:
    """Play a trial into the report, until its rounds are over or that monotonic time has come."""
    folder, rng = Path(tempfile.mkdtemp(prefix="tollgate-chaos-")), random.Random(f"{trial.ground} {trial.seed}")
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis(folder)).url if trial.hosts > 1 else None
        url = f"sqlite:///{folder / 'chaos.db'}"
        if trial.database == "postgresql":
            url = stack.enter_context(own_database(trial.server)).render_as_string(hide_password=False)
        stage = stack.enter_context(open_stage(url, hosts=trial.hosts, folder=folder, redis_url=redis))
        for number, place in plan(trial.rounds, first=trial.first, only=trial.only):
            if time.monotonic() > until:
                report.aborted.append(f"{trial.ground}: only {number} of {trial.rounds} rounds in the time given")
                break
            done = play(stage, number, place, rng)
            report.add(trial.ground, done)
            after_round(done)
        report.add_times(stage.ready_after)


def _trials(rounds: int, databases: tuple[str, ...], hosts: tuple[int, ...], **more: object) -> Iterator[Trial]:
    grounds = [(database, number) for database in databases for number in hosts]
    for index, (database, number) in enumerate(grounds):
        share = rounds // len(grounds) + (index < rounds % len(grounds))
        yield Trial(database, number, share, **more)  # type: ignore[arg-type]


@click.command()
@click.option("--rounds", default=320, show_default=True, help="Kills in all, shared among the grounds.")
@click.option(
    "--minutes", default=30.0, show_default=True, help="Stop after so long; what is left undone fails the trial."
)
@click.option("--database", "databases", multiple=True, type=click.Choice(DATABASES), default=DATABASES)
@click.option("--hosts", "hosts", multiple=True, type=click.IntRange(1, MOST_HOSTS), default=(1, MOST_HOSTS))
@click.option("--only", type=click.Choice([*POINTS, RANDOM]), help="Kill at this place only.")
@click.option(
    "--postgresql",
    "server",
    type=make_url,
    help="The server to make a database on; default TEST_DATABASE_URL, or 127.0.0.1:5432.",
)
@click.option("--seed", default=1, show_default=True, help="Another seed, other stories.")
@click.option(
    "--json", "as_json", is_flag=True, help="Everything as JSON on standard output; the table goes to standard error."
)
def main(
    *, rounds: int, minutes: float, databases: tuple[str, ...], hosts: tuple[int, ...], as_json: bool, **more: object
) -> None:
    """Kill gateways and worker at every failpoint and at random; exit 1 when anything was lost, doubled or wrong."""
    report, until = Report(), time.monotonic() + minutes * 60
    with click.progressbar(length=rounds, label="chaos", file=sys.stderr, item_show_func=str) as bar:
        for trial in _trials(rounds, databases, hosts, **more):
            run(trial, report, until=until, after_round=lambda done: bar.update(1, done.killed_at))
    for line in report.lines():
        click.echo(line, err=as_json)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    raise SystemExit(0 if report.clean else 1)
