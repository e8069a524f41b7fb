"""A Redis Cluster: one wire to each of its nodes. A question still costs one round trip; a second one only after a move."""

import logging
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock, Thread
from typing import Any

from redis import cluster
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ConnectionError,  # noqa: A004
    MovedError,
    RedisClusterException,
    TimeoutError,  # noqa: A004
)

from keystore.limits.pipe import Pipe, Prepared, Then
from keystore.limits.wire import Wire, packed

MOST_MOVES = 3  # redirections of one question: more is no move but a quarrel
FAILURES = (ConnectionError, TimeoutError, OSError)  # of a node
FIRST_KEY = 3  # of EVAL and EVALSHA: name, script, number of keys, keys

ClusterNode: Any = cluster.ClusterNode  # redis-py's cluster is only half typed
NodesManager: Any = cluster.NodesManager

log = logging.getLogger(__name__)


class ClusterWire:
    """`ask` as Wire has it. Thread-safe. Which node has which slot is learnt in the background: no request waits for a dead node twice.

    All keys of a command have the hash tag of one entitlement, so they live on one node.
    """

    def __init__(self, nodes: tuple[tuple[str, int], ...], *, timeout: float, options: dict[str, Any]) -> None:
        self._start, self._timeout, self._options = nodes, timeout, options
        self._map: Any = None
        self._known = Event()  # there is a map
        self._learning = Lock()  # held while somebody asks the cluster for one
        self._wires: dict[str, Wire] = {}
        self._pipes: dict[str, Pipe] = {}

    def ask(self, *command: str | int | bytes) -> Any:
        """The answer of the node that has the first key. Raises RedisError or OSError."""
        slot = key_slot(str(command[FIRST_KEY]).encode())
        for _ in range(MOST_MOVES):
            node = self._node_of(slot)
            try:
                return self._wire(node).ask(*command)
            except MovedError as moved:  # it was not done there
                self._follow(moved)
            except AskError as elsewhere:  # this once: the slot is on its way
                return self._ask_newcomer(elsewhere, command)
            except FAILURES:
                self._learn(failed=node.name)
                raise
        raise ConnectionError("a slot that every node says another one has")

    def prepare(self, *command: str | int | bytes) -> Prepared:
        """See Link."""
        slot = key_slot(str(command[FIRST_KEY]).encode())
        return _Prepared(self, command, slot, packed(command))

    def place(self, key: str) -> str:
        """Which node has it, as far as we know: what fails there says nothing about the others."""
        try:
            return str(self._node_of(key_slot(key.encode())).name) if self._map else ""
        except ConnectionError:
            return ""

    def everywhere(self, *command: str) -> list[Any]:
        """What every node that holds slots answers. Raises RedisError or OSError."""
        return [self._wire(node).ask(*command) for node in self._known_map().get_nodes_by_server_type("primary")]

    def ping(self) -> None:
        """Return if every node that holds slots answers. Raises RedisError or OSError."""
        self.everywhere("PING")

    def send(self, slot: int, command: bytes, then: Then) -> bool:
        """As Pipe has it. That a slot has moved is an answer as well: whoever then asks and waits, follows."""
        if self._map is None:
            return False
        try:
            node = self._node_of(slot)
        except ConnectionError:
            return False
        pipe = self._pipes.get(node.name) or self._pipes.setdefault(node.name, Pipe(self._pool(node)))
        return pipe.send(command, partial(self._hear, node.name, then))

    def _hear(self, node: str, then: Then, answer: Any) -> None:
        if isinstance(answer, FAILURES):
            self._learn(failed=node)
        then(answer)

    def _node_of(self, slot: int) -> Any:
        try:
            return self._known_map().get_node_from_slot(slot)
        except RedisClusterException as error:
            self._learn()
            raise ConnectionError("no node has this slot") from error

    def _known_map(self) -> Any:
        if self._map is None:
            self._learn()
            self._known.wait(self._timeout)
        if self._map is None:
            raise ConnectionError("no node of the cluster has answered yet")
        return self._map

    def _wire(self, node: Any) -> Wire:
        return self._wires.get(node.name) or self._wires.setdefault(node.name, Wire(self._pool(node)))

    def _pool(self, node: Any) -> Any:
        if node.redis_connection is None:  # one that we heard of by a redirection
            self._known_map().create_redis_connections([node])
        return node.redis_connection.connection_pool

    def _follow(self, moved: MovedError) -> None:
        if moved.host:  # some clusters are told to name ports only
            self._known_map().move_slot(moved)
        self._learn()  # rarely does one slot move alone

    def _ask_newcomer(self, told: AskError, command: tuple[str | int | bytes, ...]) -> Any:
        known = self._known_map()
        node = known.get_node(host=told.host, port=told.port) or ClusterNode(told.host, told.port)
        known.create_redis_connections([node])
        with node.redis_connection.pipeline(transaction=False) as both:
            both.execute_command("ASKING")
            both.execute_command(*command)
            return both.execute()[1]

    def _let_go(self) -> None:
        """Close what leads to nodes that are no more: those that come back have other addresses."""
        gone: list[dict[str, Any]] = [self._wires, self._pipes]
        for links in gone:
            for name in links.copy().keys() - self._map.nodes_cache:
                links.pop(name).close()

    def _learn(self, *, failed: str | None = None) -> None:
        """Begin to read the map anew, unless somebody does."""
        if self._learning.acquire(blocking=False):
            try:
                Thread(target=self._read_map, args=(failed,), name="redis-cluster-map", daemon=True).start()
            except RuntimeError:  # no thread to be had: the next failure tries again
                self._learning.release()
                log.warning("the map of the Redis Cluster is not read anew: there is no thread for it")

    def _read_map(self, failed: str | None) -> None:
        try:
            if self._map is None:
                self._map = NodesManager([ClusterNode(*node) for node in self._start], **self._options)
            else:
                self._map.initialize(list(self._start), last_failed_node_name=failed)
            self._known.set()
            self._let_go()
        except Exception as error:  # noqa: BLE001 (whatever it is, the next failure tries again)
            log.warning("no node of the Redis Cluster tells where the slots are: %s", type(error).__name__)
        finally:
            self._learning.release()


@dataclass(frozen=True, slots=True)
class _Prepared:
    cluster: ClusterWire
    command: tuple[str | int | bytes, ...]
    slot: int
    text: bytes

    def ask(self) -> Any:
        return self.cluster.ask(*self.command)

    def later(self, then: Then, /) -> bool:
        return self.cluster.send(self.slot, self.text, then)
