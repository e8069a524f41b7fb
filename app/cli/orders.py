"""`tollgate orders`: find orders, see all of one, mend what is odd about its money."""

import click

from app.cli.bulk import dry_run_option
from app.cli.common import ACTOR, open_tollgate, table
from app.operators import money as held
from app.operators import orders, refunds, subscriptions, timeline
from app.operators.orders import OrderFilter, OrderLine
from providers import money
from providers.events import Money

SHOWN = ("id", "kind", "status", "plan", "email", "key_id", "entitlement", "created_at", "paid_at", "order_url")
STATUS = click.Choice(["open", "processing", "paid", "expired", "canceled", "refunded"])
reason_option = click.option("--reason", help="Why; the audit log keeps it.")
payment_option = click.option("--payment", help="Which payment, where there are several.")


@click.group()
def command() -> None:
    """Find orders, see all of one, and mend what is odd about its money."""


@command.command("list")
@click.option("--email", help="Of this buyer.")
@click.option("--key", help="Of this key id.")
@click.option("--reference", help="A session, invoice, subscription or refund by the provider's own name.")
@click.option("--status", type=STATUS, help="Only those.")
@click.option("--attention", help="Only those with this flag; `any` for all that have one.")
@click.option("--after", help="Go on after this order id.")
@click.option("--limit", default=20, type=click.IntRange(1, 100), show_default=True)
def show_all(
    email: str | None,
    key: str | None,
    reference: str | None,
    status: str | None,
    attention: str | None,
    after: str | None,
    limit: int,
) -> None:
    """Orders, newest first."""
    only = OrderFilter(email, key, reference, status, attention)
    page = orders.list_page(open_tollgate(), only, limit=limit, after=after)
    table(["ORDER", "STATUS", "PLAN", "AMOUNT", "EMAIL", "CREATED", "PAID", "ATTENTION"], map(_row, page.data))
    if page.has_more:
        click.echo(f"More: --after {page.data[-1].view.id}", err=True)


@command.command()
def attention() -> None:
    """Orders that somebody should look at, and why."""
    page = orders.list_page(open_tollgate(), OrderFilter(attention="any"), limit=100)
    for line in page.data:
        click.echo(f"{line.view.id}  {line.view.attention}: {'; '.join(line.reasons)}")
    if page.has_more:
        click.echo("There are more: mend these first.", err=True)


@command.command()
@click.argument("order_id")
def show(order_id: str) -> None:
    """Everything about one order, oldest first."""
    file = timeline.read(open_tollgate(), order_id)
    for name in SHOWN:
        click.echo(f"{name}: {getattr(file.order.view, name) or '-'}")
    click.echo(f"attention: {'; '.join(file.order.reasons) or '-'}")
    click.echo(f"entitlement is {file.entitlement.status} until {file.entitlement.ends_at or 'for ever'}\n")
    rows = [(event.at, event.what, event.id, event.text, event.by) for event in file.timeline]
    table(["AT", "WHAT", "ID", "", "BY"], rows)
    for refund in file.refunds:
        if refund.link:
            click.echo(f"{refund.id} is claimed at {refund.link}")


@command.command()
@click.argument("order_id")
def sync(order_id: str) -> None:
    """Ask the providers about all of an order's checkouts now, finished ones too."""
    tollgate = open_tollgate()
    asked = orders.sync_now(tollgate, order_id)
    click.echo(f"{order_id} is {timeline.read(tollgate, order_id).order.view.status}; {asked} checkouts asked about.")


@command.command()
@click.argument("order_id")
@payment_option
@reason_option
def accept(order_id: str, payment: str | None, reason: str | None) -> None:
    """Count money that is held: it came late, twice, or in part."""
    counted = held.accept(open_tollgate(), order_id, payment=payment, reason=reason, actor=ACTOR)
    click.echo(f"{counted} counts from now on.")


@command.command()
@click.argument("order_id")
@payment_option
@click.option("--amount", type=click.IntRange(1), help="In minor units (cents, sats). Left out: all that is left.")
@click.option("--cancel-subscription", is_flag=True, help="End the order's card subscription first.")
@reason_option
@dry_run_option
def refund(
    order_id: str,
    payment: str | None,
    amount: int | None,
    reason: str | None,
    *,
    cancel_subscription: bool,
    dry_run: bool,
) -> None:
    """Give money back at the provider. The same command again never gives it back twice."""
    tollgate = open_tollgate()
    wanted = refunds.RefundOrder(payment, amount, reason, cancel_subscription)
    if dry_run:
        click.echo(f"{_price(refunds.preview(tollgate, order_id, wanted))} would go back. Nothing has changed.")
        return
    made = refunds.refund(tollgate, order_id, wanted, actor=ACTOR)
    click.echo(f"{_price(Money(made.amount, made.currency))} of {made.payment}: {made.reference} is {made.state}.")
    if made.link:
        click.echo(f"Send the payer this link, where they claim it: {made.link}")
    if subscriptions.goes_on(tollgate, order_id):
        click.echo(f"The subscription goes on. To end it: tollgate orders cancel-subscription {order_id} --reason …")


@command.command("cancel-subscription")
@click.argument("order_id")
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
def cancel_subscription(order_id: str, reason: str) -> None:
    """End the order's card subscription at its provider, at once. Nothing is given back."""
    ended = subscriptions.cancel(open_tollgate(), order_id, reason=reason, actor=ACTOR)
    click.echo(f"Ended: {', '.join(ended)}." if ended else "It was over already.")


@command.command()
@click.argument("order_id")
@click.option("--code", help="Only this flag; left out: all.")
@click.option("--reason", required=True, help="Why; the audit log keeps it.")
def resolve(order_id: str, code: str | None, reason: str) -> None:
    """Close flags that need nothing more done."""
    closed = held.resolve(open_tollgate(), order_id, code=code, reason=reason, actor=ACTOR)
    click.echo(f"Closed: {', '.join(closed)}.")


def _row(line: OrderLine) -> tuple[object, ...]:
    view = line.view
    price = _price(Money(view.amount, view.currency))
    return view.id, view.status, view.plan, price, view.email, view.created_at, view.paid_at, view.attention


def _price(of: Money) -> str:
    return f"{money.to_decimal(of)} {of.currency}"
