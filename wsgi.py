"""The WSGI application for gunicorn and other servers: `wsgi:app`."""

from sqlalchemy.exc import SQLAlchemyError

from app import health, preload
from app.catalog_file import CatalogError
from app.config import SettingsError
from app.ending import at_end
from app.usage import Clerk

try:
    app = preload.application()
except (SettingsError, CatalogError) as error:
    raise SystemExit(str(error)) from None

tollgate = app.extensions["tollgate"]

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
