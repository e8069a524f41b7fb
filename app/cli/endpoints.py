"""`tollgate endpoints`: programs that are told of what happens here."""

import click

from app.cli.common import ACTOR, open_tollgate, table
from app.keys import UNSET
from app.outgoing import endpoints, history
from app.outgoing.endpoints import EndpointChanges, EndpointView
from app.outgoing.events import EVENTS
from keystore.secret import Secret

events_option = click.option(
    "--event", "events", multiple=True, type=click.Choice(EVENTS), help="Only this; may stand several times."
)


@click.group()
def command() -> None:
    """Add, change and watch endpoints of outgoing webhooks."""


@command.command("list")
def show_all() -> None:
    """Every endpoint, oldest first. Never its secret."""
    found = endpoints.list_all(open_tollgate())
    rows = [(e.id, e.status, e.url, _heard(e), e.failing_since, e.disabled_reason) for e in found]
    table(["ENDPOINT", "STATUS", "URL", "EVENTS", "FAILING SINCE", "DISABLED BECAUSE"], rows)


@command.command()
@click.argument("url")
@events_option
@click.option("--description", help="What it is for.")
def add(url: str, events: tuple[str, ...], description: str | None) -> None:
    """Tell the program at URL of what happens. Its signing secret is printed once."""
    view, secret = endpoints.create(open_tollgate(), url, listens_to=events, description=description, actor=ACTOR)
    _hand_over(view, secret)


@command.command()
@click.argument("endpoint_id")
@click.option("--url", help="Where to send from now on.")
@events_option
@click.option("--all-events", is_flag=True, help="Everything.")
@click.option("--description", help="What it is for.")
def change(
    endpoint_id: str, url: str | None, events: tuple[str, ...], description: str | None, *, all_events: bool
) -> None:
    """Change what is named; the rest stays."""
    if all_events and events:
        raise click.UsageError("say --event or --all-events, not both")
    changes = EndpointChanges(
        url=UNSET if url is None else url,
        events=events if events or all_events else UNSET,
        description=UNSET if description is None else description,
    )
    if changes == EndpointChanges():
        raise click.UsageError("say what to change: --url, --event, --all-events, --description")
    view = endpoints.change(open_tollgate(), endpoint_id, changes, actor=ACTOR)
    click.echo(f"{view.id}: {view.url}, {_heard(view)}")


@command.command("rotate-secret")
@click.argument("endpoint_id")
def rotate_secret(endpoint_id: str) -> None:
    """A new signing secret, printed once. For a day messages are signed with the old one too."""
    _hand_over(*endpoints.rotate(open_tollgate(), endpoint_id, actor=ACTOR))


@command.command()
@click.argument("endpoint_id")
def enable(endpoint_id: str) -> None:
    """Send there again; earlier failures are forgotten."""
    _switch(endpoint_id, "enabled")


@command.command()
@click.argument("endpoint_id")
def disable(endpoint_id: str) -> None:
    """Send nothing there any more."""
    _switch(endpoint_id, "disabled")


@command.command()
@click.argument("endpoint_id")
@click.confirmation_option(prompt="Its log and what waits for it go too. Remove it?")
def delete(endpoint_id: str) -> None:
    """Remove an endpoint with its log."""
    endpoints.delete(open_tollgate(), endpoint_id, actor=ACTOR)
    click.echo(f"{endpoint_id} is gone.")


@command.command()
@click.argument("endpoint_id")
def test(endpoint_id: str) -> None:
    """Have the worker send a webhook.test, whatever the endpoint listens to."""
    click.echo(history.test(open_tollgate(), endpoint_id, actor=ACTOR))


@command.command()
@click.argument("endpoint_id")
@click.option("--after", help="Go on after this delivery id.")
@click.option("--limit", default=20, type=click.IntRange(1, 100), show_default=True)
def deliveries(endpoint_id: str, after: str | None, limit: int) -> None:
    """What was sent there, attempt by attempt, newest first."""
    page = history.deliveries(open_tollgate(), endpoint_id, limit=limit, after=after)
    rows = [
        (d.at, d.message, d.event, d.status, f"{d.milliseconds} ms", d.state, d.next_at, d.error) for d in page.data
    ]
    table(["AT", "MESSAGE", "EVENT", "ANSWER", "TOOK", "STATE", "NEXT", "ERROR"], rows)
    if page.has_more:
        click.echo(f"More: --after {page.data[-1].id}", err=True)


@command.command()
@click.argument("endpoint_id")
@click.argument("message_id")
def resend(endpoint_id: str, message_id: str) -> None:
    """Have the worker send a message again, under its old id."""
    history.resend(open_tollgate(), endpoint_id, message_id, actor=ACTOR)
    click.echo(f"{message_id} will be sent.")


def _switch(endpoint_id: str, status: str) -> None:
    view = endpoints.change(open_tollgate(), endpoint_id, EndpointChanges(status=status), actor=ACTOR)
    click.echo(f"{view.id} is {view.status}.")


def _hand_over(view: EndpointView, secret: Secret) -> None:
    click.echo(secret.reveal())
    click.echo(f"{view.id} gets {_heard(view)}: save its secret now, it is shown only this once.", err=True)


def _heard(view: EndpointView) -> str:
    return ",".join(view.events) or "all events"
