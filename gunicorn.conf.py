"""gunicorn's settings, taken from Tollgate's own: `gunicorn --config gunicorn.conf.py wsgi:app`, or `tollgate serve`."""

import socket
from typing import Any

from app import preload
from app.catalog_file import CatalogError
from app.config import SettingsError
from app.config.rules import sockets
from app.config.values import UNIX
from app.servers.command_line import ONE_COUNTER

try:
    _settings = preload.build()  # at SIGHUP, too: this file is read again
except (SettingsError, CatalogError) as error:
    raise SystemExit(str(error)) from None

bind = _settings.address
worker_class = "app.servers.gunicorn_worker.Worker"
workers = _settings.web_concurrency
threads = _settings.threads
preload_app = False  # ours is another way: wsgi.py starts threads, and SIGHUP is to read the catalogue anew
timeout = 60
graceful_timeout = 30
keepalive = 15  # without it a proxy in front costs most of its requests a new connection
_addresses = [name for name in _settings.trusted_proxies if name != UNIX]  # gunicorn believes a unix socket unasked
forwarded_allow_ips = ",".join(_addresses) or "127.0.0.1,::1"
forwarder_headers = ""  # its default believes what a client behind our proxy sends as SCRIPT_NAME
accesslog = None  # app.logs writes what is worth a line
errorlog = "-"
control_socket_disable = True  # its default place is a home directory, which a service user often has not


def nworkers_changed(server: Any, new: int, old: int | None) -> None:
    """`--workers`, `--preload` and SIGTTIN do not pass through our settings: refuse here what they would refuse.

    Called before `--preload` would load anything, when `old` is None; then at SIGTTIN, SIGTTOU and SIGHUP, when nobody can be refused a start.
    """
    if old is None and server.cfg.preload_app:
        raise SystemExit(
            "--preload loads wsgi.py before workers are forked, and they would be without its threads: no background work, "
            "no usage on record. Fix: leave it out; workers share the application without it."
        )
    if new > 1 and not _settings.redis_url:
        if old is None:
            raise SystemExit(ONE_COUNTER.format(new))
        server.log.error("going on with 1 worker. %s", ONE_COUNTER.format(new))
        server.cfg.set("workers", 1)  # SIGHUP starts so many
        server.num_workers = 1
    elif new > _settings.gate_workers_total:
        server.log.warning(
            "%s workers, while GATE_WORKERS_TOTAL (if left out, WEB_CONCURRENCY) says %s: each will admit more than its "
            "share while Redis is away. Fix: WEB_CONCURRENCY=%s instead of --workers, and GATE_WORKERS_TOTAL for the "
            "workers of all machines.",
            *(new, _settings.gate_workers_total, new),
        )


def when_ready(server: Any) -> None:
    """`--bind` and systemd's sockets do not pass through our settings either."""
    listening = ",".join(f"unix:{place}" for place in server.LISTENERS if place.FAMILY == socket.AF_UNIX)
    if problems := sockets({"bind": listening, "trusted_proxies": ",".join(_settings.trusted_proxies)}):
        raise SystemExit(str(SettingsError(problems)))
