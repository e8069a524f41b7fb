"""`tollgate report`: the money by month, rail, plan and currency."""

from datetime import datetime

import click

from app.cli.common import open_tollgate, since_option, table, until_option
from app.operators import report, sheets
from providers import money
from providers.events import Money


@click.command()
@since_option
@until_option
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, amounts in minor units.")
def command(since: datetime | None, until: datetime | None, *, as_csv: bool) -> None:
    """The money by month (UTC), rail, plan and currency; sats where it came as bitcoin."""
    lines = report.money(open_tollgate(), since=since, until=until)
    if as_csv:
        for line in sheets.money(lines):
            click.echo(line, nl=False)
        return
    rows = [
        (
            *(line.month, line.provider, line.plan, line.currency, line.payments),
            *(
                money.to_decimal(Money(amount, line.currency))
                for amount in (line.amount, line.held, line.refunded, line.net)
            ),
            line.sats or None,
        )
        for line in lines
    ]
    table(["MONTH", "RAIL", "PLAN", "", "PAYMENTS", "CAME", "HELD", "WENT BACK", "NET", "SATS"], rows)
