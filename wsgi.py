"""The WSGI application for gunicorn and other servers: `wsgi:app`."""

import os
import sys
from typing import NoReturn

from sqlalchemy.exc import SQLAlchemyError

from app import health, preload
from app.catalog_file import CatalogError
from app.config import SettingsError
from app.ending import at_end
from app.servers.command_line import ONE_COUNTER, workers_of
from app.usage import Clerk

NOT_TO_BE_TRIED_AGAIN = 3  # to gunicorn; after any other status it starts a new worker, without end


def refuse(why: object) -> NoReturn:
    """Start nothing."""
    sys.stderr.write(f"{why}\n")
    raise SystemExit(NOT_TO_BE_TRIED_AGAIN)


try:
    app = preload.application()
except (SettingsError, CatalogError) as error:
    refuse(error)

tollgate = app.extensions["tollgate"]

if not tollgate.settings.redis_url and (workers := workers_of(sys.argv, os.environ)) > 1:
    refuse(ONE_COUNTER.format(workers))  # as gunicorn.conf.py does, for servers that did not read it

try:
    revision = health.revision(tollgate)
except SQLAlchemyError:
    revision = None
if revision is None:  # a first start, perhaps
    from migrations.runner import set_up_if_empty

    set_up_if_empty(tollgate.settings.database_url)
tollgate.db.engine.dispose()  # a server that forks from here on must not share a connection

clerk = Clerk(app.extensions["gate"].usage)
clerk.start()
at_end(clerk.stop)

if tollgate.settings.worker == "embedded":
    from app.worker import start_embedded

    at_end(start_embedded(tollgate).stop)
