"""gunicorn's settings, taken from Tollgate's own: `gunicorn --config gunicorn.conf.py wsgi:app`, or `tollgate serve`."""

from typing import Any

from app import preload
from app.catalog_file import CatalogError
from app.config import SettingsError

try:
    _settings = preload.build()  # at SIGHUP, too: this file is read again
except (SettingsError, CatalogError) as error:
    raise SystemExit(str(error)) from None

bind = f"0.0.0.0:{_settings.port}" if _settings.port else _settings.bind  # hosting platforms say only a port
worker_class = "app.servers.gunicorn_worker.Worker"
workers = _settings.web_concurrency
threads = _settings.threads
preload_app = False  # ours is another way: wsgi.py starts threads, and SIGHUP is to read the catalogue anew
timeout = 60
graceful_timeout = 30
keepalive = 15  # without it a proxy in front costs most of its requests a new connection
forwarded_allow_ips = ",".join(_settings.trusted_proxies) or "127.0.0.1,::1"
forwarder_headers = ""  # its default believes what a client behind our proxy sends as SCRIPT_NAME
accesslog = None  # app.logs writes what is worth a line
errorlog = "-"
control_socket_disable = True  # its default place is a home directory, which a service user often has not


def on_starting(server: Any) -> None:
    """`--workers` on the command line does not pass through our settings: refuse here what they would refuse."""
    if server.cfg.workers > 1 and not _settings.redis_url:
        raise SystemExit(
            f"{server.cfg.workers} workers would each count limits for themselves and admit {server.cfg.workers} times "
            "as much. Fix: set REDIS_URL, or use 1 worker (WEB_CONCURRENCY=1)."
        )
