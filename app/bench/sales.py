"""From a card rail's webhook to a key that works: how many paid orders a second, and how long each takes."""

import hmac
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import click

from app import checkout
from app.bench import stripe_stand_in
from app.bench.cases import PLAN, Ground, Program
from app.bench.contestants import CARD_RAIL
from app.bench.ground import CATALOG, LOAD_CORE, SERVICE_TOKEN, Standing, pin, settings_of, stand
from app.bench.report import Facts
from app.bench.running import Server
from app.factory import assemble
from app.tollgate import Tollgate

CALLERS = 16
PATIENCE = 60.0  # seconds for a key to work; one that takes longer counts as so long
WEBHOOK_SECRET = "whsec_bench7Kd2Wq9Zx4Lm1Rv8Tn"  # noqa: S105 (for programs that live a minute)
OFFER = f"""
[plans.{PLAN}1.stripe]
price = "{stripe_stand_in.PRICE}"
mode = "payment"
amount = "12.00"
currency = "USD"
term = "30 days"
"""


@dataclass(frozen=True, slots=True)
class Sold:
    """An order that waits for its webhook."""

    order: str
    reference: str
    key: str


@dataclass(frozen=True, slots=True)
class Sale:
    """One turn. `times`: milliseconds from sending the webhook to the answer that the key is valid; `late`: not by the first answer."""

    seconds: float
    cpu: float
    times: tuple[float, ...]
    late: int


def measure(database: str, folder: Path, *, rounds: int, orders: int, tick: Callable[[str], None]) -> list[Facts]:
    """One and two web workers in turn on one database; a line of figures for each."""
    ground = Ground(database, "redis", keys=1_000)
    with ExitStack() as stack:
        standing = with_cards(stack.enter_context(stand(ground, folder)), stack)
        programs = [Program("tollgate", "gthread", ground, workers) for workers in (1, 2)]
        servers = []
        for program in programs:
            servers.append(Server(program, standing, folder))
            stack.callback(servers[-1].stop)
        tollgate = assemble(settings_of(standing.environ))
        stack.callback(tollgate.db.engine.dispose)
        found: list[list[Sale]] = [[] for _ in servers]
        for turn in range(rounds + 1):  # the first to get warm
            for program, server, sales in zip(programs, servers, found, strict=True):
                tick(f"{database} ×{program.workers}")
                sales.append(sell(server, open_orders(tollgate, orders if turn else CALLERS)))
        return [facts(program, sales[1:]) for program, sales in zip(programs, found, strict=True)]


def with_cards(standing: Standing, stack: ExitStack) -> Standing:
    """The same ground with a card rail that answers at once."""
    rail = Server(
        Program(CARD_RAIL, "gthread", Ground("none", "none"), threads=CALLERS),
        standing,
        standing.folder,
        core=LOAD_CORE,
    )
    stack.callback(rail.stop)
    catalog = standing.folder / "catalog-cards.toml"
    catalog.write_text(CATALOG + OFFER)
    cards = {
        "CATALOG": str(catalog),
        "STRIPE_SECRET_KEY": "sk_test_bench7Kd2Wq9Zx4Lm1Rv8",
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": f"http://127.0.0.1:{rail.port}",
        "WORKER": "embedded",
    }
    return replace(standing, environ=standing.environ | cards)


def open_orders(tollgate: Tollgate, amount: int) -> list[Sold]:
    """Orders that are paid at the rail, of which we have not heard yet."""
    with ThreadPoolExecutor(4) as threads:  # as many as may open a checkout at one rail at the same time
        return list(threads.map(lambda _: _open(tollgate), range(amount)))


def _open(tollgate: Tollgate) -> Sold:
    opened = checkout.open_order(tollgate, checkout.NewOrder(plan=f"{PLAN}1", provider="stripe"))
    if opened.api_key is None or opened.order.checkout_url is None:
        raise click.ClickException("an order came without key or page to pay on")
    return Sold(opened.order.id, opened.order.checkout_url.rpartition("/")[2], opened.api_key.reveal())


def sell(server: Server, orders: Sequence[Sold]) -> Sale:
    """Post every order's webhook, CALLERS at a time, each followed by a request with its key."""
    waiting = iter(orders)  # the callers share it: each next order goes to whoever is free
    cpu, started = server.cpu(), time.perf_counter()

    def some(_: int) -> list[tuple[float, bool]]:
        with closing(Buyer(server.port)) as buyer:
            return [buyer.pay(sold) for sold in waiting]

    with ThreadPoolExecutor(CALLERS, initializer=lambda: pin(0, LOAD_CORE)) as threads:
        done = [sale for sales in threads.map(some, range(CALLERS)) for sale in sales]
    took = time.perf_counter() - started
    return Sale(took, server.cpu() - cpu, tuple(ms for ms, _ in done), sum(late for _, late in done))


class Buyer:
    """One connection to the gateway, kept: the rail's and the caller's in one."""

    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def pay(self, sold: Sold) -> tuple[float, bool]:
        """Milliseconds until the key works, and whether it took more than one look."""
        body = json.dumps(_event(sold))
        sent = time.perf_counter()
        self._post("/v1/webhooks/stripe", body, {"Stripe-Signature": _signature(body)})
        late = False
        while not self._is_valid(sold.key) and time.perf_counter() < sent + PATIENCE:
            late = True  # the webhook's answer was "due": the worker takes it
            time.sleep(0.05)
        return (time.perf_counter() - sent) * 1e3, late

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _is_valid(self, key: str) -> bool:
        answer = self._post("/v1/keys/verify", json.dumps({"key": key}), {"Authorization": f"Bearer {SERVICE_TOKEN}"})
        return answer.get("valid") is True

    def _post(self, path: str, body: str, headers: dict[str, str]) -> dict[str, Any]:
        self._http.request("POST", path, body, {"Content-Type": "application/json", **headers})
        found: dict[str, Any] = json.loads(self._http.getresponse().read())
        return found


def _event(sold: Sold) -> dict[str, Any]:
    session = {"id": sold.reference, "object": "checkout.session", "client_reference_id": sold.order, "metadata": {}}
    return {
        "id": f"evt_{sold.reference}",
        "object": "event",
        "type": "checkout.session.completed",
        "livemode": False,
        "data": {"object": session},
    }


def _signature(body: str) -> str:
    now = int(time.time())
    digest = hmac.digest(WEBHOOK_SECRET.encode(), f"{now}.{body}".encode(), "sha256").hex()
    return f"t={now},v1={digest}"


def facts(program: Program, sales: Sequence[Sale]) -> Facts:
    """The figures of one line: medians of its turns. `cpu_ms`: the web workers' processor time per order."""
    times = sorted(ms for sale in sales for ms in sale.times)
    per_order = [(sale.seconds / len(sale.times), sale.cpu / len(sale.times)) for sale in sales]
    return {
        "name": f"webhook to key · {program.server} ×{program.workers}",
        "database": program.ground.database,
        "workers": program.workers,
        "orders": len(times),
        "rate": round(median(1 / seconds for seconds, _ in per_order), 1),
        "p50": round(times[len(times) // 2], 1),
        "p99": round(times[len(times) * 99 // 100], 1),
        "cpu_ms": round(median(cpu for _, cpu in per_order) * 1e3, 2),
        "late": sum(sale.late for sale in sales),
    }


HEADINGS = ("case", "database", "orders", "orders/s", "p50 ms", "p99 ms", "CPU ms/order", "late")


def rows(cases: Sequence[Facts]) -> list[tuple[object, ...]]:
    """A line per case, under HEADINGS."""
    names = ("name", "database", "orders", "rate", "p50", "p99", "cpu_ms", "late")
    return [tuple(case[name] for name in names) for case in cases]
