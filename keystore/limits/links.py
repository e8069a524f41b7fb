"""How a process is connected to Redis, whichever kind of store it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from redis import Redis, sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from keystore.limits.address import CLUSTER, Group, read_address
from keystore.limits.cluster import ClusterWire
from keystore.limits.pipe import Pipe, Prepared, Then
from keystore.limits.wire import Wire, packed


class Link(Protocol):
    """What a counter needs of a store."""

    def ask(self, *command: str | int | bytes) -> Any:
        """The answer to one command, in one round trip. Raises RedisError or OSError."""

    def prepare(self, *command: str | int | bytes) -> Prepared:
        """A command, put together once."""

    @property
    def place(self) -> Callable[[str], str] | None:
        """Names what fails together with a key. None where everything does."""

    def everywhere(self, *command: str) -> list[Any]:
        """What each server that counts answers to a command without a key. Raises RedisError or OSError."""

    def ping(self) -> None:
        """Return if the store answers. Raises RedisError or OSError."""


class OneServer:
    """A single Redis, or the master that sentinels name."""

    place = None

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._wire, self._pipe = Wire(redis.connection_pool), Pipe(redis.connection_pool)
        self.ask = self._wire.ask

    def prepare(self, *command: str | int | bytes) -> Prepared:
        """See Link."""
        return _Prepared(self._wire, self._pipe, packed(command))

    def everywhere(self, *command: str) -> list[Any]:
        """See Link."""
        return [self.ask(*command)]

    def ping(self) -> None:
        """See Link."""
        self._redis.ping()


@dataclass(frozen=True, slots=True)
class _Prepared:
    wire: Wire
    pipe: Pipe
    text: bytes

    def ask(self) -> Any:
        return self.wire.send(self.text)

    def later(self, then: Then, /) -> bool:
        return self.pipe.send(self.text, then)


def link_to(url: str, *, timeout: float) -> Link:
    """Connect when first asked. `timeout` in seconds bounds each wait; nothing is retried. Raises ValueError for an odd address."""
    # No greeting on a new connection: each of its steps would be one more wait of up to `timeout`.
    options: dict[str, Any] = {"protocol": 2, "driver_info": None}
    options |= {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    group = read_address(url)
    if group is None:
        return OneServer(Redis.from_url(url, retry=Retry(NoBackoff(), 0), **options))
    options |= {"ssl": True} if group.tls else {}
    if group.kind == CLUSTER:
        return ClusterWire(group.nodes, timeout=timeout, options=options | group.login)
    return OneServer(_master(group, options, timeout))


def _master(group: Group, options: dict[str, Any], timeout: float) -> Redis:
    """Each new connection asks the sentinels where the master is now. The login is the master's: sentinels are asked without.

    They share one `timeout`, and connecting to the master has half of one: a lost host, whose sentinel is asked in vain before
    the master is, is one wait in all.
    """
    options = {**options, "retry": Retry(NoBackoff(), 0)}
    part = timeout / len(group.nodes)
    asked = options | {"socket_timeout": part, "socket_connect_timeout": part}
    watch: Any = sentinel.Sentinel  # only half typed
    found = watch(
        [*group.nodes], sentinel_kwargs=asked, **options | {"socket_connect_timeout": timeout / 2}, **group.login
    )
    master: Redis = found.master_for(group.service)
    return master
