"""The gateway two minutes later, for gunicorn: what a restart meets once the leases of a killed process have run out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app import assemble, create_app
from app.config import load
from app.worker import start_embedded

LATER = timedelta(minutes=2)

tollgate = replace(assemble(load()), clock=lambda: datetime.now(UTC) + LATER)
app = create_app(tollgate=tollgate)
worker = start_embedded(tollgate) if tollgate.settings.worker == "embedded" else None
