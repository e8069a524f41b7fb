"""`.env.example`, made from the settings themselves so that it cannot fall behind."""

import textwrap
from typing import Final

from app.config.settings import Settings
from app.config.sources import names_of

WIDTH = 110
SECTIONS: Final = {
    "Needed": ("public_url", "secret_key", "key_peppers"),
    "Cards, through Stripe: both, or neither": ("stripe_secret_key", "stripe_webhook_secret"),
    "Bitcoin, through BTCPay Server: all four, or none": (
        "btcpay_url",
        "btcpay_api_key",
        "btcpay_store_id",
        "btcpay_webhook_secret",
    ),
    "Where things are kept": ("database_url", "redis_url", "catalog"),
    "Who may do what": ("admin_token", "service_tokens", "allowed_return_hosts", "trusted_proxies"),
    "Mail, and what we tell other programs": (
        "smtp_url",
        "mail_from",
        "operator_email",
        "reminder_days",
        "allow_private_webhooks",
    ),
    "How it runs": (
        "bind",
        "port",
        "web_concurrency",
        "threads",
        "gate_workers_total",
        "worker",
        "sweep_seconds",
        "retention_days",
        "log_level",
    ),
    "Finer points": ("key_prefix", "mode_setting", "grace_days", "stripe_api_base"),
}
HEAD: Final = """\
# Copy this file to .env and fill in what you use. Every mistake is named at start.
# Make a secret:  python3 -c 'import secrets; print(secrets.token_urlsafe(32))'
# Any secret, and the addresses of database and Redis, can come from a file instead: SECRET_KEY_FILE=/run/secrets/secret_key
"""
CATALOGUE: Final = """
# --- The shipped catalog.toml: a plan without a price id is not sold by card ---

#PRICE_ID_PRO=price_
#PRICE_ID_TEAM=price_
#PRICE_ID_ENTERPRISE=price_
# Requests per minute.
#RATE_LIMIT_PRO=600
#RATE_LIMIT_TEAM=2400
#RATE_LIMIT_ENTERPRISE=10000
"""


def env_example() -> str:
    """The whole file. What has a default, or may be left out, is commented."""
    parts = [HEAD]
    for title, fields in SECTIONS.items():
        parts += [f"\n# --- {title} ---\n", *(_entry(name) for name in fields)]
    return "".join([*parts, CATALOGUE])


def _entry(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default if isinstance(field.default, str | int) else ""
    shown = (field.examples or [default])[0]
    about = "\n".join(textwrap.wrap(field.description or "", WIDTH, initial_indent="# ", subsequent_indent="# "))
    return f"\n{about}\n{'' if field.is_required() else '#'}{names_of(name, field)[0]}={shown}\n"
