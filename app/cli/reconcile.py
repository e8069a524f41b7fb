"""`tollgate reconcile`: our books against the providers'."""

from datetime import datetime

import click

from app.cli.bulk import dry_run_option, over
from app.cli.common import DAY, in_utc, open_tollgate, table
from app.operators import reconcile
from app.operators.reconcile import Found
from providers import money


@click.command()
@click.option(
    "--since", type=click.DateTime(DAY), required=True, help="UTC; the last moment that the books are sure of."
)
@dry_run_option
def command(since: datetime, *, dry_run: bool) -> None:
    """Ask both rails for everything that was paid, bring it up to date, and list payments that have no order here.

    Exit 1 when there are such payments, or when some could not be asked about.
    """
    tollgate = open_tollgate()
    moment = in_utc(since)
    assert moment is not None  # noqa: S101 (the option is required)
    found = []
    for one in reconcile.find(tollgate, moment):
        found.append(one)
        click.echo(f"\r{len(found)} payments listed", nl=False, err=True)
    click.echo(err=True)
    strangers = [one for one in found if one.checkout is None]
    table(["WITHOUT ORDER", "RAIL", "NAMED", "AMOUNT", "AT"], map(_row, strangers))

    def work(checkout_id: str) -> str:
        reconcile.apply(tollgate, checkout_id)
        return "up to date"

    over([one.checkout for one in found if one.checkout], work, doing="Asking", dry_run=dry_run)
    raise SystemExit(1 if strangers else 0)


def _row(found: Found) -> tuple[object, ...]:
    paid = found.payment
    amount = f"{money.to_decimal(paid.money)} {paid.money.currency}"
    return paid.reference or paid.agreement, found.provider, paid.order, amount, paid.at
