"""Servers under test: started on one core, and what they cost in processor time and memory, as Linux counts it."""

import os
import sys
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep

import click

from app.bench.cases import Program
from app.bench.ground import SERVER_CORE, Standing, pin
from app.bench.shares import Share
from app.cli.demo import ROOT
from app.cli.demo_processes import Processes, free_port
from app.cli.serve import GRANIAN

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
READY_WITHIN = 120.0  # seconds; a peer fills its own table first
APPLICATION = "app.bench.contestants:app"
FASTAPI = "app.bench.peer_fastapi:make"


class Server:
    """One program that runs; a single worker has one core, workers with a part of a core share it."""

    def __init__(self, program: Program, standing: Standing, folder: Path, *, core: int = SERVER_CORE) -> None:
        self.port = free_port(0)
        environ = {**os.environ, **standing.environ, "BENCH_CONTESTANT": program.contestant}
        environ |= {"WEB_CONCURRENCY": str(program.workers), "PYTHONPATH": os.pathsep.join(sys.path)}
        environ |= {"BENCH_KEYS": str(program.ground.keys), "BENCH_FOLDER": str(standing.folder)}
        environ |= {"PYTHONDONTWRITEBYTECODE": "1"}
        self._processes = Processes(folder, environ)
        name = f"{program.contestant}-{program.server}-{program.workers}-{program.share}"
        self._process = self._processes.start(name, *_command(program, self.port))
        self._shares: list[Share] = []
        try:
            if program.workers == 1 or program.share is not None:
                pin(self._process.pid, core)
            self._wait()
            if program.share is not None:
                self._share(program.share, program.workers)
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        """Until a request is answered: gunicorn takes connections long before its workers do anything with them."""
        give_up = monotonic() + READY_WITHIN
        while monotonic() < give_up:
            self._processes.check()
            with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as http:
                http.request("GET", "/")
                http.getresponse()
                return
            sleep(0.1)
        raise click.ClickException(f"a server did not start within {READY_WITHIN:.0f} s")

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its processes."""
        return sum(int(stat[11]) + int(stat[12]) for _, stat in self._stats()) / TICKS

    def memory(self) -> float:
        """MiB that its largest process has for itself: what one more worker costs. Pages shared with others are left out."""
        return max((_own_kib(pid) for pid, _ in self._stats()), default=0) / 1024

    def stop(self) -> None:
        """End it."""
        self._processes.stop()
        for share in self._shares:
            share.close()

    def _share(self, part: float, workers: int) -> None:
        """The first worker answers before the last one is forked: wait for all."""
        give_up = monotonic() + READY_WITHIN
        while len(found := [pid for pid, _ in self._stats() if pid != self._process.pid]) < workers:
            if monotonic() > give_up:
                raise click.ClickException(f"of {workers} workers {len(found)} started within {READY_WITHIN:.0f} s")
            sleep(0.05)
        for pid in found:
            self._shares.append(Share(part))
            self._shares[-1].take(pid)

    def _stats(self) -> list[tuple[int, list[str]]]:
        """/proc/*/stat after the name, for every process of this session."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(") ")[2].split()
                if fields[3] == str(self._process.pid):  # its session is its own: Processes starts it so
                    found.append((int(path.parent.name), fields))
        return found


def _own_kib(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
    return 0


def _command(program: Program, port: int) -> list[str]:
    if program.server in {"nginx", "node"}:
        return [f"app.bench.peer_{program.server}", str(port)]  # which becomes it
    if program.server == "uvicorn":
        return ["uvicorn", "--factory", FASTAPI, "--port", str(port), "--no-access-log", "--log-level", "warning"]
    if program.server == "granian":
        threads = ["--blocking-threads", str(program.threads), "--no-access-log", "--log-level", "warning"]
        where = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(program.workers)]
        module = GRANIAN if program.contestant == "tollgate" else "granian"
        return [module, "--interface", "wsgi", *where, *threads, APPLICATION]
    where = ["--bind", f"127.0.0.1:{port}", "--workers", str(program.workers), "--keep-alive", "15"]
    ours = ["--config", str(ROOT / "gunicorn.conf.py")] if program.contestant == "tollgate" else []
    return [
        "gunicorn",
        *(ours or ["--worker-class", "gthread"]),
        "--threads",
        str(program.threads),
        *where,
        "--no-control-socket",
        APPLICATION,
    ]
