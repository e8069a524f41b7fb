"""The factory: the parts of one process, and the WSGI application around them."""

from datetime import UTC, datetime

from flask import Flask

from app import catalog_file, errors, failpoints, logs, web
from app.config import Settings, environment
from app.db import Database
from app.gate import Gate
from app.pricing import PriceBook
from app.rails import build_rails
from app.tollgate import Tollgate
from app.turns import Turns
from app.web import fast, shell
from keystore.limits import Counter, FallbackCounter, MemoryCounter, RedisCounter


def assemble(settings: Settings) -> Tollgate:
    """The parts of one process, without Flask: for the web, the worker and the command line alike."""
    failpoints.arm(settings, environment())
    return Tollgate(
        settings=settings,
        catalog=catalog_file.load(settings),
        db=Database(settings.database_url, turn=Turns(settings.threads).turn),
        providers=build_rails(settings),
        peppers=settings.peppers,
        counter=make_counter(settings),
        prices=PriceBook(),
        clock=now_utc,
    )


def create_app(settings: Settings | None = None, *, tollgate: Tollgate | None = None) -> Flask:
    """The WSGI application. Raises SettingsError or CatalogError naming every mistake."""
    tollgate = tollgate or assemble(settings or Settings())
    app = web.make_flask(tollgate)
    app.extensions["tollgate"] = tollgate
    app.extensions["gate"] = Gate(tollgate)
    logs.configure(tollgate.settings.log_level)
    errors.init_app(app)
    web.init_app(app)
    shell.init_app(app)
    fast.init_app(app)
    return app


def make_counter(settings: Settings) -> Counter:
    """Redis when given; else this one process counts alone (settings refuse several workers then)."""
    if not settings.redis_url:
        return MemoryCounter()
    shared = RedisCounter(settings.redis_url)
    return FallbackCounter(shared, workers_total=settings.gate_workers_total, place=shared.place)


def now_utc() -> datetime:
    """The clock of a running Tollgate."""
    return datetime.now(UTC)
