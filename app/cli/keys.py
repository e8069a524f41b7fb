"""`tollgate keys`: what an operator does with keys."""

import click

from app import keys
from app.cli.common import ACTOR, open_tollgate, table
from app.views import KeyView, NewKey


@click.group()
def command() -> None:
    """List, give away, rotate and revoke keys."""


@command.command("list")
@click.option("--status", type=click.Choice(["pending", "active", "revoked"]), help="Only those.")
@click.option("--plan", help="Only those of a plan.")
@click.option("--after", help="Go on after this key id.")
@click.option("--limit", default=20, type=click.IntRange(1, 100), show_default=True)
def show(status: str | None, plan: str | None, after: str | None, limit: int) -> None:
    """Keys, newest first. Never the secrets: nobody has them but their holders."""
    page = keys.list_page(open_tollgate(), limit=limit, after=after, status=status, plan=plan)
    table(["KEY", "STATUS", "PLAN", "EMAIL", "CREATED", "LAST USED", "ENDS", "HINT"], map(_row, page.data))
    if page.has_more:
        click.echo(f"More: --after {page.data[-1].id}", err=True)


@command.command()
@click.argument("plan")
@click.option("--email", help="Whose it is.")
@click.option("--name", help="What it is for.")
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it works. Left out: for ever.")
def create(plan: str, email: str | None, name: str | None, days: int | None) -> None:
    """Give away a key for PLAN. It is printed once and kept nowhere."""
    new = keys.KeyOrder(plan, email=email, name=name, term_days=days)
    _hand_over(keys.create(open_tollgate(), new, actor=ACTOR))


@command.command()
@click.argument("key_id")
@click.option("--grace", default=0, type=click.IntRange(0), show_default=True, help="Seconds the old key works on.")
def rotate(key_id: str, grace: int) -> None:
    """Replace a key. The new one is printed once; limits and quota stay what they are."""
    _hand_over(keys.rotate(open_tollgate(), key_id, grace_seconds=grace, actor=ACTOR))


@command.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End a key at once and for good."""
    click.echo(f"{keys.revoke(open_tollgate(), key_id, actor=ACTOR).id} is revoked.")


def _hand_over(new: NewKey) -> None:
    click.echo(new.api_key.reveal())
    click.echo(f"{new.key_id}: save it now, it is shown only this once.", err=True)
    if new.previous_id and new.previous_ends_at:
        click.echo(f"{new.previous_id} works until {new.previous_ends_at:%Y-%m-%d %H:%M:%S}Z.", err=True)


def _row(key: KeyView) -> tuple[object, ...]:
    return key.id, key.status, key.plan, key.email, key.created_at, key.last_used_at, key.ends_at, key.hint
