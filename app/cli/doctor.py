"""`tollgate doctor`: what is wrong, and what to do."""

import click

from app.catalog_file import CatalogError
from app.cli.common import report
from app.config import SettingsError, load
from providers.base import Diagnosis


@click.command()
def command() -> None:
    """Check settings, catalogue, database, Redis, providers, prices and worker. Exit 1 when something is wrong."""
    from app.doctor import examine  # noqa: PLC0415 (brings the whole web with it)

    try:
        report(examine(load))
    except SettingsError as error:
        report(Diagnosis(problem.variable, "error", problem.what, problem.fix) for problem in error.problems)
    except CatalogError as error:
        report(
            Diagnosis(error.place(mistake), "error", mistake.what, "edit the catalogue, or let CATALOG name another")
            for mistake in error.mistakes
        )
