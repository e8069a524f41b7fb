"""A stage with its servers, and buyers who have bought there."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
from chaos_buyers import Buyer
from chaos_load import Answer, Load, ask
from chaos_servers import OwnRedis, own_database, own_redis
from chaos_stage import Stage, open_stage
from chaos_truth import Wrong, compare
from sqlalchemy import URL

OUTAGE = float(os.environ.get("TOLLGATE_OUTAGE", "2"))  # seconds that something stays away
BOUGHT = (("buy", "pro", "btcpay"), ("act", "btcpay", "pay_lightning"), ("wait_for_key",))


@dataclass
class Shop:
    """`server` and `database`: PostgreSQL's, where the shop is on it."""

    stage: Stage
    server: URL | None
    database: URL | None
    redis: OwnRedis | None

    def live(self, story: tuple[tuple[str, ...], ...] = BOUGHT) -> Buyer:
        """A buyer who has lived that story to its end."""
        buyer = Buyer(self.stage, story, random.Random(1))
        if not buyer.go_on(until=time.monotonic() + 20):
            raise TimeoutError(f"stopped at {story[buyer.done]}: {buyer.failures}")
        return buyer

    def asking(self, buyer: Buyer, path: str = "/v1/whoami", host: int = 0) -> Callable[[], Answer]:
        """Asks that host with the buyer's key, each time it is called."""
        url, key = self.stage.hosts[host] + path, buyer.key or ""
        return lambda: ask(url, key)

    def wrong(self, since: datetime, *, seconds: float = 20.0) -> list[Wrong]:
        """What is wrong with the books of everything bought since then, after everybody had time to put it right."""
        until = time.monotonic() + seconds
        while True:
            self.stage.pass_time(hours=1)
            self.stage.control("drain?seconds=10")
            with self.stage.db.read() as session:
                found = compare(session, self.stage.sandbox.world, since=since)
            if not found or time.monotonic() > until:
                return found
            time.sleep(0.3)

    def seconds_until_ready(self, *, at_most: float = 30.0) -> float:
        """Until every host says that it is."""
        begun = time.monotonic()
        while time.monotonic() < begun + at_most:
            if all(ask(f"{host}/readyz", "").status == 200 for host in self.stage.hosts):
                return time.monotonic() - begun
            time.sleep(0.05)
        return float("inf")


@contextmanager
def open_shop(
    folder: Path, *, server: URL | None = None, redis: bool = False, hosts: int = 1, **more: str
) -> Iterator[Shop]:
    """On SQLite, or on a new database of that PostgreSQL server. `more`: settings, by the variable's name."""
    with ExitStack() as stack:
        database = stack.enter_context(own_database(server)) if server else None
        shared = stack.enter_context(own_redis(folder)) if redis else None
        url = database.render_as_string(hide_password=False) if database else f"sqlite:///{folder / 'shop.db'}"
        redis_url = shared.url if shared else None
        stage = stack.enter_context(open_stage(url, hosts=hosts, folder=folder, redis_url=redis_url, more=more))
        yield Shop(stage, server, database, shared)


def describe(what: str, seen: Load, begin: float, end: float) -> None:
    """A line for the report: pytest shows it with -s, or when something failed."""
    click.echo(f"{what}: {dict(seen.statuses(begin, end))}, p99 {seen.slowest(begin, end) * 1000:.0f} ms")
