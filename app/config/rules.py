"""What only shows when settings are read together. Works on the raw texts, so these mistakes appear beside those of single values."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from app.config.problems import Problem
from app.config.values import UNIX, WHOLE, items

_RAILS = {
    "Stripe": ("stripe_secret_key", "stripe_webhook_secret"),
    "BTCPay": ("btcpay_url", "btcpay_api_key", "btcpay_store_id", "btcpay_webhook_secret"),
}

Given = Mapping[str, str]  # variable in small letters -> text, empty values left out


def rails(given: Given) -> list[Problem]:
    """At least one rail, and no rail by halves: without its webhook secret anybody could announce a payment."""
    if not any(name in given for names in _RAILS.values() for name in names):
        what = "is not set, and BTCPAY_URL neither: there is no way to be paid"
        return [
            Problem(
                "STRIPE_SECRET_KEY",
                what,
                f"set {_listed(_RAILS['Stripe'])} for cards, or {_listed(_RAILS['BTCPay'])} for bitcoin",
            )
        ]
    return [
        Problem(
            name.upper(),
            f"is not set although {_listed([n for n in names if n in given])} says that {rail} is wanted",
            "set it too, or remove the rest",
        )
        for rail, names in _RAILS.items()
        if any(name in given for name in names)
        for name in names
        if name not in given
    ]


def workers(given: Given) -> list[Problem]:
    """Counters in memory multiply with the workers: four would admit four times the limit."""
    problems = []
    here, total = _number(given.get("web_concurrency")), _number(given.get("gate_workers_total"))
    if "gate_workers_total" in given and total < here:
        fix = "count the workers of all machines, or leave it out"
        problems.append(Problem("GATE_WORKERS_TOTAL", "is less than WEB_CONCURRENCY", fix))
    crowded = [name.upper() for name in ("web_concurrency", "gate_workers_total") if _number(given.get(name)) > 1]
    if crowded and "redis_url" not in given:
        what = f"is not set, but {_listed(crowded)} says several workers: each would count limits for itself"
        problems.append(Problem("REDIS_URL", what, "set REDIS_URL, or 1 worker"))
    return problems


def sockets(given: Given) -> list[Problem]:
    """Who comes by a unix socket has no address: unless the proxy's word is taken, all callers share the limits of one."""
    bound = any(place.startswith("unix:") for place in items(given.get("bind", ""))) and "port" not in given
    if not bound or UNIX in items(given.get("trusted_proxies", "")):
        return []
    what = (
        "does not hold unix although BIND is a unix socket: all callers together would have the limits of one address"
    )
    fix = "add unix, and let the proxy set X-Forwarded-For; or bind to a port"
    return [Problem("TRUSTED_PROXIES", what, fix)]


def modes(given: Given) -> list[Problem]:
    """Real money needs https and live keys; play money must not sell live keys."""
    kind = stripe_mode(given.get("stripe_secret_key", ""))
    problems = []
    if kind and given.get("mode", kind) in {"live", "test"} - {kind}:
        problems.append(
            Problem(
                "MODE", f"contradicts STRIPE_SECRET_KEY, which is a {kind} key", "leave MODE out, or change the key"
            )
        )
    if kind == "live" and given.get("public_url", "").startswith("http:"):
        problems.append(
            Problem("PUBLIC_URL", "is http while STRIPE_SECRET_KEY is a live key", "use https, or a test key")
        )
    if kind == "live" and given.get("stripe_api_base", "https:").startswith("http:"):
        problems.append(
            Problem("STRIPE_API_BASE", "is http while STRIPE_SECRET_KEY is a live key", "remove it, or use a test key")
        )
    return problems


def separate_secrets(given: Given) -> list[Problem]:
    """A secret used for two things is two leaks in one."""
    own = [name for name in ("secret_key", "admin_token") if name in given]
    twice = len(own) == 2 and given["secret_key"] == given["admin_token"]
    return [Problem("ADMIN_TOKEN", "is the same as SECRET_KEY", "give each its own secret")] if twice else []


def sender(given: Given) -> list[Problem]:
    """A mail server without a sender can send nothing."""
    if "smtp_url" not in given or "mail_from" in given:
        return []
    return [Problem("MAIL_FROM", "is not set although SMTP_URL is", "set it too, like billing@example.com")]


def stripe_mode(key: str) -> str | None:
    """`live` or `test` by the key's prefix; None for any other shape."""
    return next((mode for mode in ("live", "test") if key.startswith((f"sk_{mode}_", f"rk_{mode}_"))), None)


def host_of(url: str) -> str:
    """The host name of a URL already checked."""
    return urlsplit(url).hostname or ""


RULES: tuple[Callable[[Given], list[Problem]], ...] = (rails, workers, sockets, modes, separate_secrets, sender)


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join(name.upper() for name in names)


def _number(text: str | None) -> int:
    return int(text) if text and WHOLE.fullmatch(text) else 1  # anything else is refused as a value
