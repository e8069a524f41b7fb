"""What one setting's value must look like. Each check answers the cleaned value or says what is wrong and how to mend it."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from keystore.limits.address import read_address

GENERATE = "generate one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
LONG, SHORT = 16, 8  # least characters of a secret we choose, and of one a provider chose for us
PEPPER = 16
UNIX = "unix"  # among the proxies: whoever comes by a unix socket, which tells no address
WHOLE = re.compile(r"[0-9]{1,18}")
_PROVIDER_PREFIX = re.compile(r"^(sk|rk|pk)_(live|test)_|^whsec_")
_PLACEHOLDER = re.compile(  # whole values and shapes that nobody draws at random; not words a test secret may well hold
    r"change[-_ ]?(me|it|this)|replace[-_ ]?me|placeholder|your[-_ ]|\.\.\.|…|[<>]|^x+$|^(secret|password|passwd|todo|none|null)$",
    re.IGNORECASE,
)
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".test", ".onion")


def wrong(what: str, fix: str) -> PydanticCustomError:
    """The error that ends up as a `Problem`. Neither text may hold the value."""
    return PydanticCustomError("setting", "{what}", {"what": what, "fix": fix})


def text_of(value: Any) -> str:
    """The plain text of a value that may be wrapped as a secret."""
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value).strip()


def items(value: Any) -> list[Any]:
    """Comma-separated text as its non-empty items; lists and tuples as they are."""
    if isinstance(value, list | tuple):
        return list(value)
    return [item for item in (part.strip() for part in text_of(value).split(",")) if item]


def secret(value: Any, *, least: int = LONG, never: tuple[str, ...] = (), fix: str = GENERATE) -> SecretStr:
    """A secret of at least `least` characters that is no placeholder and not another kind of secret (prefixes in `never`)."""
    text = text_of(value)
    if text.startswith(never):
        raise wrong(f"holds another kind of secret (it starts with {text.split('_')[0]}_)", fix)
    bare = _PROVIDER_PREFIX.sub("", text)
    if _PLACEHOLDER.search(bare) or (bare and len(set(bare)) < 3):
        raise wrong("still holds a placeholder", fix)
    if len(bare) < least:
        raise wrong(f"is too short: at least {least} characters", fix)
    if not text.isascii() or any(character.isspace() for character in text):
        raise wrong("holds a blank or a character that is not ASCII", fix)
    return SecretStr(text)


def peppers(value: Any) -> SecretStr:
    """`label:secret` pairs, newest first. Every wrong pair is named by its place, never by its content."""
    seen: set[str] = set()
    mistakes = []
    for place, item in enumerate(items(value), start=1):
        label, colon, pepper = item.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9_.-]{1,20}", label):
            mistakes.append(f"item {place} is not <label>:<secret>")
        elif label in seen:
            mistakes.append(f"label {label} is used twice")
        elif len(pepper) < PEPPER or _PLACEHOLDER.search(pepper) or len(set(pepper)) < 3:
            mistakes.append(f"the pepper {label} is a placeholder or shorter than {PEPPER} characters")
        seen.add(label)
    if mistakes or not seen:
        raise wrong("; ".join(mistakes) or "is empty", f"write v1:<secret>, newest first; {GENERATE}")
    return SecretStr(",".join(items(value)))


def whole(value: Any) -> int:
    """A number in plain digits; one below zero is told what is the least. Python and pydantic read more than that, `+4`, `4.0` and `1_0`, and not the same."""
    text = text_of(value)
    if not WHOLE.fullmatch(text.removeprefix("-")):
        raise wrong("is not a whole number", "write plain digits, like 4")
    return int(text)


def is_loopback(host: str) -> bool:
    """localhost, 127.0.0.0/8, ::1."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_private(host: str) -> bool:
    """A host the open internet cannot reach in clear: loopback, private addresses, bare and local names, .onion (Tor encrypts)."""
    address = _address(host)
    if address is not None:
        return address.is_private
    return "." not in host or host.endswith(_PRIVATE_NAMES)


def url(value: Any, *, path: bool = True) -> str:
    """An http(s) URL without trailing slash; https unless the host is private. `path=False`: an origin only."""
    text = text_of(value).rstrip("/")
    parts = _split(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise wrong("is not a web address", "write it like https://pay.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise wrong("holds a user name, a query or a fragment", "write only the scheme, the host and perhaps a port")
    if parts.path and not path:
        raise wrong("holds a path", "give Tollgate a host name of its own, such as https://pay.example.com")
    if parts.scheme == "http" and not is_private(parts.hostname):
        raise wrong("is http on a public host: keys and payments would travel in clear", "use https")
    return text


def database_url(value: Any) -> str:
    """A SQLite file or a PostgreSQL database."""
    fix = "use sqlite:///var/tollgate.db or postgresql://user:password@host/name"
    try:
        parsed = make_url(text_of(value))
    except (ArgumentError, ValueError):
        raise wrong("is not a database address", fix) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise wrong("is neither SQLite nor PostgreSQL", fix)
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise wrong("keeps its data in memory only: every payment would be lost", fix)
    return text_of(value)


def redis_url(value: Any) -> str:
    """One server, a cluster or sentinels; see keystore.limits.address."""
    try:
        read_address(text_of(value))
    except ValueError:
        fix = "write it like redis://127.0.0.1:6379/0, redis+cluster://host:port,host:port or redis+sentinel://host:port,host:port/master"
        raise wrong("is not a Redis address", fix) from None
    return text_of(value)


def hosts(value: Any) -> tuple[str, ...]:
    """Host names, perhaps with a port, in lower case."""
    names = tuple(text_of(item).lower() for item in items(value))
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", name) for name in names):
        raise wrong("must list bare host names", "write them like app.example.com,shop.example.com")
    return names


def networks(value: Any) -> tuple[str, ...]:
    """Addresses, networks in CIDR form, and `unix`."""
    try:
        return tuple(_network(text_of(item)) for item in items(value))
    except ValueError:
        raise wrong(
            "must list addresses or networks",
            "write them like 127.0.0.1,10.0.0.0/8 (a network ends in zero bits), or unix for a unix socket",
        ) from None


def bind(value: Any) -> str:
    """host:port, an IPv6 address in brackets, or unix:/path; several, comma-separated, where the server takes them."""
    places = [text_of(item) for item in items(value)]
    if not places or not all(_is_place(place) for place in places):
        raise wrong(
            "is no place to listen at", "write it like 127.0.0.1:8000, [::1]:8000 or unix:/path (a port is 1 to 65535)"
        )
    return text_of(value)


def key_prefix(value: Any) -> str:
    """What keys start with."""
    if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", text_of(value)):
        raise wrong("is no usable prefix", "use 1 to 16 lower-case letters and digits, a letter first")
    return text_of(value)


def _each(check: Callable[[Any], SecretStr]) -> Callable[[Any], tuple[SecretStr, ...]]:
    return lambda value: tuple(check(item) for item in items(value))


def _chosen(fix: str, *never: str) -> Callable[[Any], SecretStr]:
    return lambda value: secret(value, least=SHORT, never=never, fix=fix)


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is no number
    except ValueError:
        return None
    return parts


def _is_place(text: str) -> bool:
    if text.startswith("unix:"):
        return text != "unix:"
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        return False
    if host.startswith("[") and host.endswith("]"):
        return isinstance(_address(host[1:-1]), ipaddress.IPv6Address)
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", host) is not None


def _network(name: str) -> str:
    if name == UNIX:
        return name
    return str(ipaddress.ip_network(name)) if "/" in name else str(ipaddress.ip_address(name))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


_STRIPE_KEY = "copy the secret key (sk_…) or a restricted key (rk_…) from Stripe's dashboard, Developers, API keys"
_STRIPE_HOOK = "copy the signing secret (whsec_…) of the webhook endpoint from Stripe's dashboard or `stripe listen`"
_BTCPAY_KEY = "create an API key in BTCPay: Account, Manage account, API keys"
_BTCPAY_HOOK = "copy the secret of the webhook from BTCPay: store settings, Webhooks"

OwnSecret = Annotated[SecretStr, BeforeValidator(secret)]
OwnSecrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_each(secret))]
PepperList = Annotated[SecretStr, BeforeValidator(peppers)]
# Stand-ins for a provider choose their own shapes: refused is only what is certainly something else.
StripeKey = Annotated[SecretStr, BeforeValidator(_chosen(_STRIPE_KEY, "pk_", "whsec_"))]
StripeHookSecrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_each(_chosen(_STRIPE_HOOK, "sk_", "rk_", "pk_")))]
BTCPayKey = Annotated[SecretStr, BeforeValidator(_chosen(_BTCPAY_KEY, "sk_", "whsec_"))]
BTCPayHookSecrets = Annotated[
    tuple[SecretStr, ...],
    BeforeValidator(_each(lambda value: secret(value, least=SHORT, never=("sk_", "rk_", "pk_"), fix=_BTCPAY_HOOK))),
]
Whole = Annotated[int, BeforeValidator(whole)]
Origin = Annotated[str, BeforeValidator(lambda value: url(value, path=False))]
Url = Annotated[str, BeforeValidator(url)]
DatabaseUrl = Annotated[str, BeforeValidator(database_url)]
RedisUrl = Annotated[str, BeforeValidator(redis_url)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(hosts)]
Bind = Annotated[str, BeforeValidator(bind)]
Networks = Annotated[tuple[str, ...], BeforeValidator(networks)]
Prefix = Annotated[str, BeforeValidator(key_prefix)]
