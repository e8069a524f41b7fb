"""`tollgate receipts` (also `webhooks`): the notifications we hold."""

from datetime import datetime

import click

from app.cli.bulk import dry_run_option, over
from app.cli.common import ACTOR, open_tollgate, since_option, table
from app.operators import receipts
from app.operators.receipts import ReceiptFilter

STATE = click.Choice(["due", "applied", "ignored", "parked"])


@click.group()
def command() -> None:
    """Look at received notifications, and work on them again."""


@command.command("list")
@click.option("--state", type=STATE, help="Only those.")
@click.option("--provider", help="Only those of a rail.")
@click.option("--reference", help="Only those about this session, invoice or subscription.")
@click.option("--after", help="Go on after this receipt id.")
@click.option("--limit", default=20, type=click.IntRange(1, 100), show_default=True)
def show_all(state: str | None, provider: str | None, reference: str | None, after: str | None, limit: int) -> None:
    """Receipts, newest first."""
    page = receipts.list_page(open_tollgate(), ReceiptFilter(state, provider, reference), limit=limit, after=after)
    rows = [(r.id, r.provider, r.kind, r.state, r.attempts, r.received_at, r.error) for r in page.data]
    table(["RECEIPT", "PROVIDER", "KIND", "STATE", "TRIES", "RECEIVED", "ERROR"], rows)
    if page.has_more:
        click.echo(f"More: --after {page.data[-1].id}", err=True)


@command.command()
@click.argument("receipt_id")
def show(receipt_id: str) -> None:
    """One receipt with what was sent, without names and e-mails."""
    receipt = receipts.get(open_tollgate(), receipt_id)
    for name in (
        "id",
        "provider",
        "event_id",
        "kind",
        "reference",
        "agreement",
        "state",
        "attempts",
        "checkout",
        "error",
    ):
        click.echo(f"{name}: {getattr(receipt, name) or '-'}")
    click.echo(receipt.body)


@command.command()
@click.argument("receipt_id", required=False)
@click.option("--parked", is_flag=True, help="The same as --state parked.")
@click.option("--state", type=STATE, help="All of a state.")
@click.option("--provider", help="Only those of a rail.")
@since_option
@dry_run_option
def replay(
    receipt_id: str | None,
    state: str | None,
    provider: str | None,
    since: datetime | None,
    *,
    parked: bool,
    dry_run: bool,
) -> None:
    """Work on one receipt again, or on many, whatever became of them. Doing so twice changes nothing."""
    state = "parked" if parked else state
    if (receipt_id is None) == (state is None and since is None):
        raise click.UsageError("name one receipt, or say which: --state, --since")
    tollgate = open_tollgate()
    if receipt_id and not dry_run:
        click.echo(f"{receipt_id}: {receipts.replay(tollgate, receipt_id, actor=ACTOR)}")
        return
    only = ReceiptFilter(state, provider, None, since)
    found = [receipts.get(tollgate, receipt_id).id] if receipt_id else receipts.find_range(tollgate, only)
    over(found, lambda each: receipts.replay(tollgate, each, actor=ACTOR), doing="Replaying", dry_run=dry_run)
