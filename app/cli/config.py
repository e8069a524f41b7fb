"""`tollgate config`: what the settings are."""

import click
from pydantic import SecretStr

from app.config import load
from app.config.example import env_example
from app.config.sources import is_secret


@click.group()
def command() -> None:
    """Show the settings."""


@command.command()
def show() -> None:
    """Print every setting. Secrets are only said to be set."""
    settings = load()
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        click.echo(f"{_variable(name)}={_shown(value, secret=is_secret(field))}")
    click.echo(f"# keys are {settings.mode} keys; rails: {', '.join(settings.rails)}")


@command.command()
def example() -> None:
    """Print a `.env` to fill in."""
    click.echo(env_example(), nl=False)


def _variable(name: str) -> str:
    return "MODE" if name == "mode_setting" else name.upper()


def _shown(value: object, *, secret: bool) -> str:
    if value in (None, ()):
        return ""
    if secret or isinstance(value, SecretStr):
        return "(set)"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
