"""What other people write: on which server it runs, where it can be measured, and whether it is installed here.

A peer fills its own tables from the ground's keys when it starts (BENCH_FOLDER). One that makes keys of its own writes them
into `<name>-keys.txt` there, one a line.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.bench import peer_nginx, peer_node
from app.bench.cases import Ground

UV = "uv sync --group bench"
NPM = "npm install --prefix app/bench/node"
APT = "apt install nginx libnginx-mod-http-lua lua-nginx-redis"


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody else's stack. `command` installs it."""

    server: str
    command: str
    is_there: Callable[[], bool]
    counters: tuple[str, ...] = ("redis",)


def _has(*distributions: str) -> bool:
    return all(importlib.util.find_spec(name) for name in distributions)


PEERS = {
    "flask-limiter+orm": Peer("gthread", UV, partial(_has, "flask_limiter"), ("memory", "redis")),
    "drf-api-key": Peer("gthread", UV, partial(_has, "rest_framework_api_key"), ("memory", "redis")),
    "fastapi+slowapi": Peer("uvicorn", UV, partial(_has, "fastapi", "slowapi", "uvicorn")),
    "express": Peer("node", NPM, peer_node.is_there),
    "fastify": Peer("node", NPM, peer_node.is_there),
    "better-auth": Peer("node", NPM, peer_node.is_there),
    "nginx+lua": Peer("nginx", APT, peer_nginx.is_there),
}


def fitting(ground: Ground) -> dict[str, Peer]:
    """Those that can count as that ground does, installed or not."""
    return {name: peer for name, peer in PEERS.items() if ground.counter in peer.counters}


def absent(peers: dict[str, Peer]) -> str:
    """The names of those that are not installed, with what would install them; empty when all are."""
    missing = {name: peer for name, peer in peers.items() if not peer.is_there()}
    commands = dict.fromkeys(peer.command for peer in missing.values())
    return "; ".join(
        f"{', '.join(name for name, peer in missing.items() if peer.command == command)} ({command})"
        for command in commands
    )
