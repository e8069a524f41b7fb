"""A shop on one machine: the real gateway on a threaded server, the sandbox on another, HTTP between them in both directions."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from journey_shop import Shop
from journey_values import CATALOG, OLD_SECRET, SANDBOX, SECRETS
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from app import create_app
from app.config import Settings
from migrations.runner import upgrade
from sandbox import Running


@contextmanager
def open_shop(database_url: str) -> Iterator[Shop]:
    """Serve until the block ends. No worker runs by itself: tests say when."""
    server = make_server("127.0.0.1", 0, _not_yet, threaded=True, request_handler=_Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    upgrade(database_url)
    with Running(replace(SANDBOX, webhooks=f"{url}/v1/webhooks")) as sandbox, _serving(server):
        app = create_app(make_settings(sandbox, public_url=url, database_url=database_url))
        shop = Shop(url, sandbox, app.extensions["tollgate"])
        server.app = _watched(app, shop.failures)
        with shop.http:
            yield shop
        shop.settle_down()
        shop.tollgate.db.engine.dispose()


def make_settings(sandbox: Running, **more) -> Settings:
    """The gateway's settings, as an operator would write them."""
    base = {"catalog": CATALOG, "sweep_seconds": 1, "log_level": "ERROR", "trusted_proxies": "127.0.0.1"}
    base["threads"] = 32  # this server starts one for each connection
    rails = {"stripe_api_base": sandbox.stripe_base, "btcpay_url": sandbox.btcpay_url}
    rails["stripe_webhook_secret"] = f"{SECRETS['stripe_webhook_secret']},{OLD_SECRET}"
    return Settings(_env_file=None, **(SECRETS | base | rails | more))


def _watched(app, failures: list[str]):
    def call(environ, start_response):
        def start(status, headers, exc_info=None):
            if status >= "5":
                failures.append(f"{environ['REQUEST_METHOD']} {status} {environ['PATH_INFO']}")
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return call


@contextmanager
def _serving(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _not_yet(_environ, start_response) -> list[bytes]:
    start_response("503 Not yet", [])
    return []


class _Quiet(WSGIRequestHandler):
    def log_request(self, code="-", size="-") -> None:
        """Tests say what went wrong."""
