"""Peers on Node: Express, Fastify and Better Auth, one file each in node/. `python -m app.bench.peer_node PORT` becomes node.

Needs Node 20 or newer, and `npm install --prefix app/bench/node`.
"""

import os
import shutil
import sys
from pathlib import Path

from app.bench.peer_keys import table

FOLDER = Path(__file__).parent / "node"
BUILT = FOLDER / "node_modules/better-sqlite3/build/Release/better_sqlite3.node"  # what an installation makes last


def is_there() -> bool:
    """Whether node and the packages are."""
    return shutil.which("node") is not None and BUILT.exists()


def main(port: str) -> None:
    """Become node."""
    table(Path(os.environ["BENCH_FOLDER"]))
    node = shutil.which("node") or "node"
    program = FOLDER / f"{os.environ['BENCH_CONTESTANT']}.mjs"
    os.execve(node, [node, str(program), port], os.environ | {"NODE_ENV": "production"})  # noqa: S606 (no shell wanted)


if __name__ == "__main__":
    main(sys.argv[1])
