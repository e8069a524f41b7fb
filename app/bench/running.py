"""Servers under test: started on one core, and what they cost in processor time and memory, as Linux counts it."""

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import click

from app.bench.cases import Program
from app.bench.ground import SERVER_CORE, Standing, pin
from app.cli.demo_processes import READY_WITHIN, Processes, free_port

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
APPLICATION = "app.bench.contestants:app"


class Server:
    """One program that runs; a single worker has one core."""

    def __init__(self, program: Program, standing: Standing, folder: Path) -> None:
        self.port = free_port(0)
        environ = {**os.environ, **standing.environ, "BENCH_CONTESTANT": program.contestant}
        environ |= {"WEB_CONCURRENCY": str(program.workers), "PYTHONPATH": os.pathsep.join(sys.path)}
        self._processes = Processes(folder, environ)
        name = f"{program.contestant}-{program.server}-{program.workers}"
        self._process = self._processes.start(name, *_command(program, self.port))
        if program.workers == 1:
            pin(self._process.pid, SERVER_CORE)
        self._wait()

    def _wait(self) -> None:
        give_up = monotonic() + READY_WITHIN
        while monotonic() < give_up:
            self._processes.check()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            sleep(0.1)
        raise click.ClickException(f"a server did not start within {READY_WITHIN:.0f} s")

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its processes."""
        return sum(int(stat[11]) + int(stat[12]) for stat in self._stats()) / TICKS

    def memory(self) -> float:
        """MiB of its largest process."""
        page = os.sysconf("SC_PAGE_SIZE")
        return max((int(stat[21]) * page for stat in self._stats()), default=0) / 2**20

    def stop(self) -> None:
        """End it."""
        self._processes.stop()

    def _stats(self) -> list[list[str]]:
        """/proc/*/stat after the name, for every process of this session."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(") ")[2].split()
                if fields[3] == str(self._process.pid):  # its session is its own: Processes starts it so
                    found.append(fields)
        return found


def _command(program: Program, port: int) -> list[str]:
    if program.server == "granian":
        threads = ["--blocking-threads", str(program.threads), "--no-access-log", "--log-level", "warning"]
        where = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(program.workers)]
        return ["granian", "--interface", "wsgi", *where, *threads, APPLICATION]
    where = ["--bind", f"127.0.0.1:{port}", "--workers", str(program.workers), "--keep-alive", "15"]
    return [
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        str(program.threads),
        *where,
        "--no-control-socket",
        APPLICATION,
    ]
