"""`tollgate admin-tokens`: who may use /v1/admin, and for what."""

import click

from app.cli.common import ACTOR, open_tollgate, table
from app.operators import tokens


@click.group()
def command() -> None:
    """Make and revoke named admin tokens."""


@command.command()
@click.argument("name")
@click.option("--scope", type=click.Choice(list(tokens.SCOPES)), default="read", show_default=True)
def create(name: str, scope: str) -> None:
    """Make a token called NAME. It is printed once and kept nowhere."""
    view, token = tokens.create(open_tollgate(), name, scope=scope, actor=ACTOR)
    click.echo(token.reveal())
    click.echo(f"{view.name} may {view.scope}: save it now, it is shown only this once.", err=True)


@command.command("list")
def show_all() -> None:
    """Every token there ever was. Never the tokens themselves."""
    rows = [(t.name, t.scope, t.created_at, t.last_used_at, t.revoked_at) for t in tokens.list_all(open_tollgate())]
    table(["NAME", "SCOPE", "CREATED", "LAST USED", "REVOKED"], rows)


@command.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End a token at once and for good."""
    click.echo(f"{tokens.revoke(open_tollgate(), name, actor=ACTOR).name} is revoked.")
