"""Doing one thing to many: a rehearsal first if wanted, a progress bar, and what failed by name at the end."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence

import click

from app.problems import Situation
from keystore.errors import KeystoreError
from providers.base import ProviderError

dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


def over(items: Sequence[str], work: Callable[[str], str], *, doing: str, dry_run: bool) -> None:
    """Do `work` to each; it answers what became of it. Ends the program with 1 when some could not be done."""
    if dry_run:
        for item in items:
            click.echo(item)
        click.echo(f"{doing}: {len(items)}. This was a dry run: nothing has changed.", err=True)
        return
    became: Counter[str] = Counter()
    failed: dict[str, str] = {}
    with click.progressbar(items, label=doing, file=sys.stderr) as bar:
        for item in bar:
            try:
                became[work(item)] += 1
            except (Situation, KeystoreError, ProviderError) as error:
                failed[item] = f"{type(error).__name__}: {error}"
    click.echo(", ".join(f"{count} {state}" for state, count in became.items()) or "Nothing to do.")
    for item, why in failed.items():
        click.echo(f"{item}: {why}", err=True)
    if failed:
        raise SystemExit(1)
