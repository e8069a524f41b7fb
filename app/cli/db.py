"""`tollgate db`: the schema. Needs DATABASE_URL only."""

import tempfile

import click

from app.config import DatabaseSettings
from migrations import runner


def _url(given: str | None) -> str:
    return DatabaseSettings(**({"database_url": given} if given else {})).database_url


url_option = click.option("--url", help="Another database than DATABASE_URL's.")


@click.group()
def command() -> None:
    """Bring the database up to date, and look at it."""


@command.command()
@click.argument("revision", default="head")
@url_option
def upgrade(revision: str, url: str | None) -> None:
    """Bring the database up to REVISION (the newest). Several at once do no harm."""
    click.echo(f"The database is at revision {runner.upgrade(_url(url), revision)}.")


@command.command()
@click.argument("revision")
@click.confirmation_option(prompt="This drops tables and everything in them. Go on?")
@url_option
def downgrade(revision: str, url: str | None) -> None:
    """Take the database back to REVISION, or to `base`."""
    click.echo(f"The database is at revision {runner.downgrade(_url(url), revision) or 'base'}.")


@command.command()
@url_option
def current(url: str | None) -> None:
    """Show the database's revision. Exit 1 unless it is the newest."""
    revision = runner.current(_url(url))
    newest = [revision] == runner.heads()
    click.echo(f"{revision or 'base'}{' (newest)' if newest else ': run `tollgate db upgrade`'}")
    raise SystemExit(0 if newest else 1)


@command.command()
@click.option("--url", help="Compare this database; left out: a fresh one, thrown away afterwards.")
def check(url: str | None) -> None:
    """Compare the migrations with the models. Exit 1 when they differ."""
    problems = runner.differences(_url(url)) if url else _check_fresh()
    click.echo("\n".join(problems) or "Migrations and models agree; there is one newest revision.")
    raise SystemExit(1 if problems else 0)


def _check_fresh() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/check.db"
        runner.upgrade(url)
        return runner.differences(url)
