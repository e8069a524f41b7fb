"""A Redis Cluster of three masters, without replicas: started, damaged and mended by tests."""

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

RANGES = (range(5461), range(5461, 10923), range(10923, 16384))
BUS = 10_000  # a node's second port lies so much higher
PATIENCE = 600  # turns of 0.05 s


class Cluster:
    """Three processes. `url` is how a gateway is told of them."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self.ports = free_ports(len(RANGES))
        self._running = [self._start(port) for port in self.ports]
        for number, (port, slots) in enumerate(zip(self.ports, RANGES, strict=True)):
            wait_until(lambda port=port: self.ask(port, "PING"))
            self.ask(port, "CLUSTER", "ADDSLOTS", *slots)
            self.ask(port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            self.ask(port, "CLUSTER", "MEET", "127.0.0.1", self.ports[0])
        self.wait_until_whole()
        names = [self.ask(port, "CLUSTER", "MYID") for port in self.ports]
        wait_until(lambda: all(name in self.ask(port, "CLUSTER", "NODES") for port in self.ports for name in names))

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def wait_until_whole(self) -> None:
        """And of one mind: a node that was away believes for a while that it has what was taken over, and counts there are lost."""
        wait_until(lambda: all("cluster_state:ok" in self.ask(port, "CLUSTER", "INFO") for port in self.ports))
        wait_until(lambda: len({self._owners(port) for port in self.ports}) == 1)

    def _owners(self, asked: int) -> tuple[tuple[int, int, int], ...]:
        """Slots from and to, and the port of whoever has them, as one node sees it."""
        return tuple(sorted((low, high, node[1]) for low, high, node in self.ask(asked, "CLUSTER", "SLOTS")))

    def ask(self, port: int, *command: object) -> Any:
        with Redis(port=port, socket_timeout=5, decode_responses=True) as redis:
            return redis.execute_command(*command)

    def port_of(self, key: str) -> Any:
        """Of the node that has it now."""
        return self._owner(key, self.ports[0])

    def _owner(self, key: str, asked: int) -> int | None:
        """As one node sees it; None where it sees none."""
        slot, ranges = key_slot(key.encode()), self.ask(asked, "CLUSTER", "SLOTS")
        return next((node[1] for low, high, node in ranges if low <= slot <= high), None)

    def announce(self, key: str, *, to: int | None = None) -> int:
        """Its slot is to go to another node; nothing goes there yet. The port of that node."""
        slot, source = key_slot(key.encode()), self.port_of(key)
        target = to or next(port for port in self.ports if port != source)
        names = {port: self.ask(port, "CLUSTER", "MYID") for port in (source, target)}
        self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
        self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
        return target

    def move(self, key: str, *, half: bool = False, to: int | None = None) -> int:
        """Bring its slot, with everything in it, to another node; `half`: everything but the end of it. The port of that node."""
        slot, source = key_slot(key.encode()), self.port_of(key)
        target = self.announce(key, to=to)
        for held in self.ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            self.ask(source, "MIGRATE", "127.0.0.1", target, held, 0, 5000)
        if not half:
            self.settle(key, target)
        return target

    def settle(self, key: str, target: int) -> None:
        """Its slot is that node's now. The target first: else nobody would have it for a moment."""
        slot, name = key_slot(key.encode()), self.ask(target, "CLUSTER", "MYID")
        for port in (target, *(port for port in self.ports if port != target)):
            self.ask(port, "CLUSTER", "SETSLOT", slot, "NODE", name)
        # What a node hears of an older move may undo this one, until it hears of a newer epoch.
        self.ask(target, "CLUSTER", "BUMPEPOCH")
        wait_until(lambda: all(self._owner(key, port) == target for port in self.ports))

    def take_over(self, key: str) -> int:
        """Its slot becomes another node's while the one that has it says nothing, as after a failover. The port of that node."""
        slot, lost = key_slot(key.encode()), self.port_of(key)
        others = [port for port in self.ports if port != lost]
        self.signal(lost, signal.SIGSTOP)
        self.ask(others[0], "CLUSTER", "BUMPEPOCH")
        name = self.ask(others[0], "CLUSTER", "MYID")
        for port in others:
            self.ask(port, "CLUSTER", "SETSLOT", slot, "NODE", name)
        return lost

    @contextmanager
    def guest(self) -> Iterator[int]:
        """A fourth node, without slots. It leaves at the end: bring home before what was brought there. Its port."""
        (port,) = free_ports(1)
        self._running.append(self._start(port))
        self.ports.append(port)
        wait_until(lambda: self.ask(port, "CLUSTER", "MEET", "127.0.0.1", self.ports[0]))
        name = self.ask(port, "CLUSTER", "MYID")
        wait_until(lambda: all(name in self.ask(member, "CLUSTER", "NODES") for member in self.ports))
        self.wait_until_whole()
        try:
            yield port
        finally:
            self.ports.remove(port)
            for member in self.ports:
                self.ask(member, "CLUSTER", "FORGET", name)
            process = self._running.pop()
            process.kill()
            process.wait()

    def signal(self, port: int, number: int) -> None:
        """To the process of one node."""
        process = self._running[self.ports.index(port)]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()

    def start(self, port: int) -> None:
        """A node that was killed comes back, empty, with its slots."""
        self._running[self.ports.index(port)] = self._start(port)

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        where = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--dbfilename", f"{port}.rdb")
        kind = ("--cluster-enabled", "yes", "--cluster-config-file", f"{port}.conf", "--cluster-node-timeout", "2000")
        # A node that gave its last slot away stays a master, or it could not be brought another one.
        alone = ("--cluster-require-full-coverage", "no", "--cluster-allow-replica-migration", "no")
        alone += ("--save", "", "--appendonly", "no")
        command = [self._program, *where, *kind, *alone]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def free_ports(count: int) -> list[int]:
    """Ports whose second ports are free as well. Below those that the kernel gives away, at random: others look for some, too."""
    with ExitStack() as held:
        tried = (secrets.choice(range(16_400, 22_000)) for _ in range(1_000))
        return [*islice((port for port in tried if is_free(held, port) and is_free(held, port + BUS)), count)]


def is_free(held: ExitStack, port: int) -> bool:
    with suppress(OSError):
        held.enter_context(closing(socket.create_server(("127.0.0.1", port))))
        return True
    return False


def wait_until(holds) -> None:
    for _ in range(PATIENCE):
        with suppress(RedisError):
            if holds():
                return
        time.sleep(0.05)
    raise AssertionError("the cluster did not get there")
