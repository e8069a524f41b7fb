"""`tollgate entitlements`: who may use what until when, and an operator's word about it."""

from datetime import datetime

import click

from app.cli.bulk import dry_run_option, over
from app.cli.common import ACTOR, in_utc, open_tollgate, table
from app.operators import entitlements
from app.operators.entitlements import EntitlementView
from app.tollgate import Tollgate

STATUS = click.Choice(["pending", "active", "suspended", "ended", "revoked"])
DAY = 86_400
reason_option = click.option("--reason", required=True, help="Why; the ledger and the audit log keep it.")


@click.group()
def command() -> None:
    """Look at entitlements; extend, suspend, restore and revoke them; reissue a lost key."""


@command.command("list")
@click.option("--status", type=STATUS, help="Only those.")
@click.option("--plan", help="Only those of a plan.")
@click.option("--after", help="Go on after this entitlement id.")
@click.option("--limit", default=20, type=click.IntRange(1, 100), show_default=True)
def show_all(status: str | None, plan: str | None, after: str | None, limit: int) -> None:
    """Entitlements, newest first."""
    page = entitlements.list_page(open_tollgate(), limit=limit, after=after, status=status, plan=plan)
    rows = [(e.id, e.status, e.plan, e.email, e.order, e.starts_at, e.ends_at) for e in page.data]
    table(["ENTITLEMENT", "STATUS", "PLAN", "EMAIL", "ORDER", "FROM", "UNTIL"], rows)
    if page.has_more:
        click.echo(f"More: --after {page.data[-1].id}", err=True)


@command.command()
@click.argument("entitlement_id")
def show(entitlement_id: str) -> None:
    """One entitlement with what operators decided about it."""
    found = entitlements.get(open_tollgate(), entitlement_id)
    for name in ("id", "status", "plan", "email", "order", "limits", "starts_at", "ends_at", "grace_ends_at"):
        click.echo(f"{name}: {getattr(found, name) or '-'}")
    rows = [(d.at, d.kind, d.seconds, d.plan, d.payment, d.reason, d.actor) for d in found.decisions]
    table(["AT", "DECISION", "SECONDS", "PLAN", "PAYMENT", "REASON", "BY"], rows)


@command.command()
@click.argument("entitlement_ids", nargs=-1)
@click.option("--plan", help="All active ones of a plan, as after an outage.")
@click.option("--days", type=click.IntRange(1, 36_500))
@click.option("--seconds", type=click.IntRange(1, 36_500 * DAY))
@click.option("--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="UTC.")
@reason_option
@dry_run_option
def extend(
    entitlement_ids: tuple[str, ...],
    plan: str | None,
    days: int | None,
    seconds: int | None,
    until: datetime | None,
    reason: str,
    *,
    dry_run: bool,
) -> None:
    """Give more time: --days, --seconds or --until, to those that are named or to all of a --plan."""
    if bool(entitlement_ids) == bool(plan):
        raise click.UsageError("name entitlements, or a --plan")
    if (days, seconds, until).count(None) != 2:
        raise click.UsageError("say one of --days, --seconds, --until")
    tollgate = open_tollgate()
    chosen = entitlement_ids or entitlements.find_active(tollgate, plan=plan or "")
    more = days * DAY if days else seconds

    def work(each: str) -> str:
        view = entitlements.extend(tollgate, each, seconds=more, until=in_utc(until), reason=reason, actor=ACTOR)
        return f"until {view.ends_at:%Y-%m-%d}" if view.ends_at else view.status

    over([_known(tollgate, each).id for each in chosen], work, doing="Extending", dry_run=dry_run)


@command.command()
@click.argument("entitlement_id")
@reason_option
def suspend(entitlement_id: str, reason: str) -> None:
    """Stop its keys at once, until it is restored."""
    _say(entitlements.suspend(open_tollgate(), entitlement_id, reason=reason, actor=ACTOR))


@command.command()
@click.argument("entitlement_id")
@reason_option
def restore(entitlement_id: str, reason: str) -> None:
    """Undo a suspension or a revocation by an operator."""
    _say(entitlements.restore(open_tollgate(), entitlement_id, reason=reason, actor=ACTOR))


@command.command()
@click.argument("entitlement_id")
@reason_option
def revoke(entitlement_id: str, reason: str) -> None:
    """End it, whatever is paid."""
    _say(entitlements.revoke(open_tollgate(), entitlement_id, reason=reason, actor=ACTOR))


@command.command()
@click.argument("entitlement_id")
@click.option(
    "--grace", default=DAY, type=click.IntRange(0, 30 * DAY), show_default=True, help="Seconds the old keys work on."
)
def reissue(entitlement_id: str, grace: int) -> None:
    """Make a new key for somebody who lost theirs and cannot be mailed. It is printed once."""
    from app.recovery import reissue as reissue_key  # noqa: PLC0415 (other commands do without the mail it brings)

    new = reissue_key(open_tollgate(), entitlement_id, actor=ACTOR, grace_seconds=grace)
    click.echo(new.api_key.reveal())
    click.echo(f"{new.key_id}: save it now, it is shown only this once.", err=True)


def _known(tollgate: Tollgate, entitlement_id: str) -> EntitlementView:
    return entitlements.get(tollgate, entitlement_id)


def _say(view: EntitlementView) -> None:
    click.echo(f"{view.id} is {view.status}.")
