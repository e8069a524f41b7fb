"""`tollgate audit`: who did what."""

from datetime import datetime

import click

from app.cli.common import open_tollgate, since_option, table, until_option
from app.operators import sheets, trail
from app.operators.trail import AuditFilter


@click.command()
@click.option("--actor", help="Only what this one did.")
@click.option("--action", help="Only this.")
@click.option("--target", help="Only to this order, key, entitlement …")
@since_option
@until_option
@click.option("--after", help="Go on after this entry.")
@click.option("--limit", default=20, type=click.IntRange(1, 100), show_default=True)
@click.option("--csv", "as_csv", is_flag=True, help="All that match, oldest first, as CSV.")
def command(
    actor: str | None,
    action: str | None,
    target: str | None,
    since: datetime | None,
    until: datetime | None,
    after: str | None,
    limit: int,
    *,
    as_csv: bool,
) -> None:
    """The audit log, newest first."""
    only = AuditFilter(actor, action, target, since, until)
    tollgate = open_tollgate()
    if as_csv:
        for line in sheets.audit(trail.every(tollgate, only)):
            click.echo(line, nl=False)
        return
    page = trail.list_page(tollgate, only, limit=limit, after=after)
    table(["AT", "WHO", "WHAT", "TO", "AFTER"], [(e.at, e.actor, e.action, e.target, e.after) for e in page.data])
    if page.has_more:
        click.echo(f"More: --after {page.data[-1].id}", err=True)
