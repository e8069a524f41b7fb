"""What goes wrong on the command line ends in a sentence and an exit code, not in a traceback."""

from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from app.catalog import NotOnSale, UnknownPlan
from app.catalog_file import CatalogError
from app.config import SettingsError
from app.problems import Situation
from keystore.errors import KeystoreError
from providers.base import ProviderError


class Refusal(click.ClickException):
    """What was asked cannot be done."""

    exit_code = 1

    def show(self, file: Any = None) -> None:  # noqa: ARG002 (click's signature)
        """The text as it is: it brings its own headline."""
        click.echo(self.message, err=True)


class Misconfigured(Refusal):
    """Nothing can be done before somebody mends the settings, the catalogue or the database."""

    exit_code = 2


class Failures(click.Group):
    """A group that turns what our own code raises on purpose into refusals."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (SettingsError, CatalogError) as error:
            raise Misconfigured(str(error)) from None
        except DBAPIError as error:
            # the driver's first line only: the rest is the statement with its values
            reason = str(error.orig).splitlines()[0]
            what = f"The database cannot be used: {reason}\nFix: check DATABASE_URL, and run `tollgate db upgrade`."
            raise Misconfigured(what) from None
        except (Situation, KeystoreError, ProviderError, UnknownPlan, NotOnSale) as error:
            raise Refusal(_sentence(error)) from None


def _sentence(error: Exception) -> str:
    """The situation's own docstring says what it means; its text says to whom it happened."""
    meaning = (type(error).__doc__ or type(error).__name__).splitlines()[0]
    return f"{meaning} ({error})" if str(error) else meaning
