"""The WSGI application for gunicorn and other servers: `wsgi:app`."""

from app import create_app, health
from app.catalog_file import CatalogError
from app.config import SettingsError
from app.ending import at_end
from app.usage import Clerk

try:
    app = create_app()
except (SettingsError, CatalogError) as error:
    raise SystemExit(str(error)) from None

if health.revision(app.extensions["tollgate"]) is None:
    from migrations.runner import set_up_if_empty

    set_up_if_empty(app.extensions["tollgate"].settings.database_url)

clerk = Clerk(app.extensions["gate"].usage)
clerk.start()
at_end(clerk.stop)

if app.extensions["tollgate"].settings.worker == "embedded":
    from app.worker import start_embedded

    at_end(start_embedded(app.extensions["tollgate"]).stop)
