"""The WSGI applications that compete: `python -m gunicorn app.bench.contestants:app` with BENCH_CONTESTANT set."""

import importlib
import os
from collections.abc import Callable
from wsgiref.types import WSGIApplication

from flask import Flask, Response, jsonify

WSGI_PEERS = {
    "flask-limiter+orm": "app.bench.peer_flask",
    "drf-api-key": "app.bench.peer_drf",
}  # of peers.py, those on WSGI
CARD_RAIL = "card-rail"  # competes with nobody: it takes the part of the other side


def make(name: str) -> WSGIApplication:
    """The application of that name."""
    if name in WSGI_PEERS:
        application: WSGIApplication = importlib.import_module(WSGI_PEERS[name]).make()
        return application
    makers: dict[str, Callable[[], WSGIApplication]] = {"tollgate": tollgate, "bare": bare, CARD_RAIL: card_rail}
    return makers[name]()


def bare() -> Flask:
    """A JSON view and nothing else: 1.0 in every table."""
    app = Flask(__name__)
    app.get("/hello")(hello)
    return app


def tollgate() -> Flask:
    """Tollgate as it is served, the clerk that writes usage included, with the same view behind its gate."""
    from app.web.gating import gate  # noqa: PLC0415 (the bare view's memory is to be bare, too)
    from wsgi import app  # noqa: PLC0415

    served: Flask = app
    served.get("/hello")(gate(hello))
    return served


def card_rail() -> WSGIApplication:
    """Sells and remembers sessions."""
    from app.bench.stripe_stand_in import app  # noqa: PLC0415 (for this one only)

    return app


def hello() -> Response:
    """What an API answers."""
    return jsonify(id="rep_1", title="Figures of the day", values=[1, 2, 3])


if "BENCH_CONTESTANT" in os.environ:  # on the servers; elsewhere importing this starts nothing
    app = make(os.environ["BENCH_CONTESTANT"])
