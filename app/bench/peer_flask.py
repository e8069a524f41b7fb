"""What most people write: an ORM look-up of the key and Flask-Limiter's decorator, on Redis, headers on."""

import os

from flask import Flask, Response, abort, g, request
from flask_limiter import Limiter
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.bench.contestants import hello
from app.db import make_engine
from keystore.models import ApiKey, Entitlement
from keystore.secret import Peppers, parse


def make() -> Flask:
    """The application."""
    app = Flask(__name__)
    engine = make_engine(os.environ["DATABASE_URL"])
    peppers = Peppers.parse(os.environ["KEY_PEPPERS"])
    limiter = Limiter(
        lambda: g.entitlement.id, storage_uri=os.environ.get("REDIS_URL", "memory://"), headers_enabled=True
    )
    limiter.init_app(app)
    limited = limiter.limit("900000000/minute")(hello)

    @app.get("/hello")
    def report() -> Response:
        key = parse(request.headers.get("X-API-Key", "")) or abort(401)
        with Session(engine) as session:
            row = session.scalar(select(ApiKey).where(ApiKey.id == key.key_id)) or abort(401)
            if not peppers.matches(key.text, stored=row.mac, label=row.pepper) or row.status != "active":
                abort(401)
            g.entitlement = session.get_one(Entitlement, row.entitlement_id)
            session.expunge_all()
        return limited()

    return app
