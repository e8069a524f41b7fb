"""What alembic runs. With a connection handed over (migrations.runner) it works in that one's transaction, else in its own."""

import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from app.db import make_engine
from app.models import Base as AppBase
from keystore.models import Base as KeystoreBase
from keystore.models import UTCDateTime

METADATA = [KeystoreBase.metadata, AppBase.metadata]


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:
    """Write our column types as what they are in the database: a migration must not depend on today's models."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


def migrate(connection: Connection) -> None:
    """Run what alembic was asked for."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,  # SQLite alters a table by building it anew
        render_item=render_item,
        compare_server_default=True,
        transactional_ddl=True,  # on SQLite too, since app.db begins transactions itself
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("migrations need the database: run `tollgate db upgrade`")

handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:  # a developer's plain `alembic revision --autogenerate`
    url = os.environ.get("DATABASE_URL", "sqlite:///var/tollgate.db")
    with make_engine(url).execution_options(write=True).begin() as own:
        migrate(own)
