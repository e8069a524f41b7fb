"""Named admin tokens: who may read, who may write. A token is shown once; only its digest is kept."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app import audit
from app.models import AdminToken
from app.operators.situations import NotPossible, NotThere
from app.problems import InvalidInput
from app.tollgate import Tollgate
from keystore.ids import new_id
from keystore.secret import Secret

PREFIX = "tga_"
SCOPES = ("read", "write")
NOTED = timedelta(minutes=1)  # `last_used_at` is not more exact than that


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is asking, by the token that was shown. `name` is what the audit log says."""

    name: str
    may_write: bool


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as operators see it."""

    id: str
    name: str
    scope: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def create(tollgate: Tollgate, name: str, *, scope: str, actor: str) -> tuple[TokenView, Secret]:
    """A new token: its view and, this once, the token itself. Raises InvalidInput, NotPossible when the name is taken."""
    if scope not in SCOPES:
        raise InvalidInput("/scope", f"one of {', '.join(SCOPES)}")
    if name == "cli" or not (name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) <= 40):
        raise InvalidInput("/name", "1 to 40 letters, digits, - and _; not cli, as the command line is called")
    token = PREFIX + secrets.token_urlsafe(32)
    now = tollgate.clock()
    row = AdminToken(id=new_id("adt"), name=name, digest=_digest(token), scope=scope, created_at=now)
    try:
        with tollgate.db.write() as session:
            session.add(row)
            session.flush()
            audit.write(session, "token.created", row.id, actor=actor, now=now, after={"name": name, "scope": scope})
    except IntegrityError:
        raise NotPossible(f"there is a token called {name} already; names are never used again") from None
    return _view(row), Secret(token)


def list_all(tollgate: Tollgate) -> tuple[TokenView, ...]:
    """Every token there ever was, the newest first."""
    with tollgate.db.read() as session:
        query = select(AdminToken).order_by(AdminToken.created_at.desc(), AdminToken.id)
        return tuple(_view(row) for row in session.scalars(query))


def revoke(tollgate: Tollgate, name: str, *, actor: str) -> TokenView:
    """End a token at once and for good. Doing it twice is no error. Raises NotThere."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        row = session.scalar(select(AdminToken).where(AdminToken.name == name).with_for_update())
        if row is None:
            raise NotThere(name)
        if row.revoked_at is None:
            row.revoked_at = now
            audit.write(session, "token.revoked", row.id, actor=actor, now=now, before={"name": name})
        return _view(row)


def find_operator(tollgate: Tollgate, token: str) -> Operator | None:
    """Who this token stands for; None when it is nobody's. ADMIN_TOKEN may write, and works without the database."""
    setting = tollgate.settings.admin_token
    expected = setting.get_secret_value() if setting else ""
    if expected and hmac.compare_digest(token.encode(), expected.encode()):
        return Operator("admin", may_write=True)
    if not token.startswith(PREFIX):
        return None
    now = tollgate.clock()
    alive = (AdminToken.digest == _digest(token), AdminToken.revoked_at.is_(None))
    with tollgate.db.read() as session:
        row = session.scalar(select(AdminToken).where(*alive))
    if row is None:
        return None
    if row.last_used_at is None or row.last_used_at < now - NOTED:
        with tollgate.db.write() as session:
            session.execute(update(AdminToken).where(AdminToken.id == row.id).values(last_used_at=now))
    return Operator(f"admin:{row.name}", may_write=row.scope == "write")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _view(row: AdminToken) -> TokenView:
    return TokenView(row.id, row.name, row.scope, row.created_at, row.last_used_at, row.revoked_at)
