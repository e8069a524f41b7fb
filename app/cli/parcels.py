"""`tollgate parcels`: what has to be sent, and sending it again."""

import click

from app.cli.bulk import dry_run_option, over
from app.cli.common import ACTOR, open_tollgate, table
from app.operators import parcels

STATE = click.Choice(["due", "sent", "parked", "forgotten"])


@click.group()
def command() -> None:
    """Look at what has to be sent, and send it again."""


@command.command("list")
@click.option("--state", type=STATE, help="Only those.")
@click.option("--kind", help="Only those of a kind.")
@click.option("--after", help="Go on after this parcel id.")
@click.option("--limit", default=20, type=click.IntRange(1, 100), show_default=True)
def show_all(state: str | None, kind: str | None, after: str | None, limit: int) -> None:
    """Parcels, newest first."""
    page = parcels.list_page(open_tollgate(), limit=limit, after=after, state=state, kind=kind)
    rows = [(p.id, p.kind, p.state, p.attempts, p.due_at, p.sent_at, p.error) for p in page.data]
    table(["PARCEL", "KIND", "STATE", "TRIES", "DUE", "SENT", "ERROR"], rows)
    if page.has_more:
        click.echo(f"More: --after {page.data[-1].id}", err=True)


@command.command()
@click.argument("parcel_id", required=False)
@click.option("--parked", is_flag=True, help="All that were given up.")
@click.option("--kind", help="Of those, only this kind.")
@dry_run_option
def resend(parcel_id: str | None, kind: str | None, *, parked: bool, dry_run: bool) -> None:
    """Have the worker send one again, or all that were given up."""
    if (parcel_id is None) != parked:
        raise click.UsageError("name one parcel, or say --parked")
    tollgate = open_tollgate()
    chosen = (parcel_id,) if parcel_id else parcels.find(tollgate, state="parked", kind=kind)
    over(chosen, lambda each: parcels.resend(tollgate, each, actor=ACTOR).state, doing="Resending", dry_run=dry_run)
