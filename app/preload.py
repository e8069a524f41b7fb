"""The application, built once, before a server forks its workers: they share it, and one that died is replaced in 0.3 s.

Nothing is asked of a database or of a rail meanwhile, and connections are each worker's own. (A Redis Cluster is asked for its nodes.)
"""

import gc
import logging
import threading

from flask import Flask

from app.loading import loading

with loading():
    from app import config, factory, worker  # noqa: F401 (the worker's code is to be shared, too)
    from app.config.problems import Problem

log = logging.getLogger(__name__)

_built: Flask | None = None


def build() -> config.Settings:
    """Build it, at SIGHUP anew. Returns the settings that it was built from.

    Raises SettingsError or CatalogError naming every mistake. A server that has an application already goes on with it.
    """
    global _built  # noqa: PLW0603 (a process is forked as a whole)
    try:
        _built = _build(config.load())
    except Exception as error:
        if _built is None:
            raise
        log.error("going on with the settings and the catalogue of before. %s", error or type(error).__name__)  # noqa: TRY400 (it says all)
    for timer in [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]:
        timer.join()  # Flask-Limiter's memory starts them, for 10 ms: a fork meanwhile would copy their locks as they are
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # or every worker's collector would look through all of it, and so copy it
    settings: config.Settings = _built.extensions["tollgate"].settings
    return settings


def _build(settings: config.Settings) -> Flask:
    if _built and _built.extensions["tollgate"].settings.redis_url and not settings.redis_url:
        problem = Problem("REDIS_URL", "is gone from a server that runs, perhaps with several workers", "start it anew")
        raise config.SettingsError([problem])
    return factory.create_app(settings)


def application() -> Flask:
    """What was built, or where nothing was (another server), what is built now. Raises like `build`."""
    return _built or factory.create_app()
