"""Where Redis is: one server, the nodes of a cluster, or the sentinels that know which server is the master. PURE."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

CLUSTER, SENTINEL = "cluster", "sentinel"
SINGLE = ("redis", "rediss", "unix")
MANY = {"redis+cluster": CLUSTER, "rediss+cluster": CLUSTER, "redis+sentinel": SENTINEL, "rediss+sentinel": SENTINEL}
PORTS = {CLUSTER: 6379, SENTINEL: 26379}


@dataclass(frozen=True, slots=True)
class Group:
    """Several servers that are one store. `service`: what sentinels call the master. `login` is empty without one."""

    kind: str
    nodes: tuple[tuple[str, int], ...]
    login: dict[str, str]
    tls: bool
    service: str = ""


def read_address(url: str) -> Group | None:
    """The group behind `redis+cluster://[user:password@]host:port,host:port` or `redis+sentinel://host:port,host:port/master`.

    None for one server (redis://, rediss://, unix://). TLS: rediss+…. Raises ValueError for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme in SINGLE and (parts.hostname or parts.path):
        _ = parts.port  # raises when it is no number
        if parts.scheme != "unix":
            _ = int(parts.path.strip("/") or 0)  # likewise: redis-py would take database 0
        return None
    kind, rest = MANY.get(parts.scheme), parts.path.strip("/")
    if kind is None or parts.query or parts.fragment or bool(rest) != (kind == SENTINEL):
        raise ValueError("no address of a Redis")
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    nodes = tuple(_node(host, PORTS[kind]) for host in hosts.split(","))
    return Group(kind, nodes, {k: v for k, v in given.items() if v}, parts.scheme.startswith("rediss"), rest)


def _node(text: str, port: int) -> tuple[str, int]:
    parts = SplitResult("", text.strip(), "", "", "")
    if not parts.hostname:
        raise ValueError("a node without a host")
    return parts.hostname, parts.port or port
