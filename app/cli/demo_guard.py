"""Keeps the demo away from real money: it does not start beside live keys."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click
from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from app.config import DatabaseSettings, SettingsError, environment

LIVE_PREFIXES = ("sk_live_", "rk_live_")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SOLD_LIVE = "SELECT 1 FROM checkouts WHERE livemode = :yes"


def refuse_beside_live_keys(given: Mapping[str, str] | None = None) -> None:
    """Raises ClickException (exit 1) naming every reason that the environment or `.env` gives."""
    given = environment() if given is None else given
    reasons = [reason for reason in (_production(given), _stripe(given), _btcpay(given), _database(given)) if reason]
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise click.ClickException(
            f"the demo plays with test money and does not start beside live keys:\n{listed}\nRun it in another folder, without these settings."
        )


def _production(given: Mapping[str, str]) -> str | None:
    names = [
        name
        for name, value in (("TOLLGATE_ENV", "production"), ("MODE", "live"))
        if given.get(name, "").lower() == value
    ]
    return f"{names[0]} says that this is a live machine" if names else None


def _stripe(given: Mapping[str, str]) -> str | None:
    key = _secret(given, "STRIPE_SECRET_KEY")
    return "STRIPE_SECRET_KEY is a live key" if key.startswith(LIVE_PREFIXES) else None


def _btcpay(given: Mapping[str, str]) -> str | None:
    """A BTCPay key does not show whether it is live: one for another machine counts as live."""
    if not _secret(given, "BTCPAY_API_KEY"):
        return None
    host = urlsplit(given.get("BTCPAY_URL") or given.get("BTCPAY_HOST") or "").hostname
    return None if host in LOOPBACK else "BTCPAY_API_KEY is set for a server that is not on this machine"


def _database(given: Mapping[str, str]) -> str | None:
    """One that cannot be opened, or is not ours, holds nothing live; a file that is not there is not made."""
    named = given.get("DATABASE_URL")
    try:
        url = make_url(DatabaseSettings(**({"database_url": named} if named else {})).database_url)
        if url.get_backend_name() == "sqlite":
            live = Path(url.database or "").is_file() and _sold_live(url)
        else:
            live = _sold_live(url.update_query_dict({"connect_timeout": "3"}))
    except (SQLAlchemyError, SettingsError):
        return None
    return "DATABASE_URL holds live purchases" if live else None


def _sold_live(url: URL) -> bool:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return connection.execute(text(SOLD_LIVE), {"yes": True}).first() is not None


def _secret(given: Mapping[str, str], name: str) -> str:
    """The setting itself, or the content of the file that NAME_FILE names."""
    path = Path(given.get(f"{name}_FILE", ""))
    return given.get(name, "") or (path.read_text(errors="replace").strip() if path.is_file() else "")
