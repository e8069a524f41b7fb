"""Puts the sandbox together and runs it."""

import logging
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox import api_faults, stripe_objects
from sandbox.btcpay_api import btcpay_api
from sandbox.config import Config
from sandbox.control import control, patient
from sandbox.delivery import Postman
from sandbox.inbox import inbox
from sandbox.pages import pages
from sandbox.post_office import Letter, PostOffice
from sandbox.state import World
from sandbox.stripe_api import stripe_api

logger = logging.getLogger(__name__)


def create_sandbox(
    config: Config, *, clock: Callable[[], float] = time.time, rng: random.Random | None = None
) -> Flask:
    """A Flask app with a world of its own. Webhooks leave only once its postman was started."""
    app = Flask(__name__)
    here = World(config, Postman(config.webhooks, config.retries), clock, rng or random.SystemRandom())
    app.extensions["sandbox"] = here
    for spec in config.prices:
        stripe_objects.price(here, spec)
    api_faults.install(app)
    for blueprint in (stripe_api, btcpay_api, control, patient, inbox, pages):
        app.register_blueprint(blueprint)
    return app


class Running:
    """A sandbox that serves on a thread; a context manager that stops it."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time, quiet: bool = True) -> None:
        app = create_sandbox(config, clock=clock)
        self.world: World = app.extensions["sandbox"]
        handler = _Quiet if quiet else WSGIRequestHandler
        self._server = make_server(config.host, config.port, app, threaded=True, request_handler=handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )  # polls for its end
        self.url = f"http://{config.host}:{self._server.server_port}"
        self._office = self._open_office(config)
        self.smtp_url = self._office.url if self._office else None
        self.stripe_base = f"{self.url}/stripe"
        self.btcpay_url = f"{self.url}/btcpay"

    def __enter__(self) -> Self:
        self.world.postman.start()
        if self._office:
            self._office.open()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving and delivering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.world.postman.stop()
        if self._office:
            self._office.close()

    def _open_office(self, config: Config) -> PostOffice | None:
        return None if config.smtp_port is None else PostOffice(config.host, config.smtp_port, self._keep)

    def _keep(self, letter: Letter) -> None:
        with self.world.lock:
            self.world.letters.append(letter)


def start(config: Config, *, clock: Callable[[], float] = time.time) -> Running:
    """A sandbox that is already serving; the caller stops it."""
    return Running(config, clock=clock).__enter__()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        logger.debug("%s %s %s", self.requestline, code, size)
