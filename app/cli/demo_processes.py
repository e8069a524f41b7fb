"""The demo's child processes: started with a log each, watched, and stopped together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import choice
from types import FrameType

import click
import requests

READY_WITHIN = 40.0  # seconds
STOP_WITHIN = 12.0  # seconds for all of them together
TAIL = 25  # lines of a log that explain a failure
BELOW_EPHEMERAL = range(10_000, 16_400)  # ports that no system gives away by itself


@dataclass
class Processes:
    """What runs, in the order in which it was started. Each has a process group of its own, so that Ctrl-C reaches us first."""

    folder: Path
    environ: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, name: str, *arguments: str) -> None:
        """Run a Python module to its end. Raises ClickException with its output when it fails."""
        process = self.start(name, *arguments)
        if process.wait(READY_WITHIN):
            raise click.ClickException(f"{name} failed:\n{self.tail(name)}")
        del self.running[name]

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `python -m …` inside the folder, with its output in <name>.log there."""
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", *arguments]
            process = subprocess.Popen(  # noqa: S603 (our own modules)
                command, cwd=self.folder, env=dict(self.environ), stdout=log, stderr=log, start_new_session=True
            )
        self.running[name] = process
        return process

    def wait_until_up(self, url: str) -> None:
        """Wait for a 200. Raises ClickException when a process ends before, or it takes too long."""
        give_up = time.monotonic() + READY_WITHIN
        with requests.Session() as http:
            http.trust_env = False
            while time.monotonic() < give_up:
                self.check()
                with contextlib.suppress(requests.RequestException):
                    if http.get(url, timeout=2).status_code == 200:
                        return
                time.sleep(0.1)
        logs = "\n".join(f"--- {name}\n{self.tail(name)}" for name in self.running)
        raise click.ClickException(f"{url} did not answer within {READY_WITHIN:.0f} s\n{logs}")

    def check(self) -> None:
        """Raises ClickException when one of them has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise click.ClickException(f"{name} ended with {process.returncode}:\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        """The end of its log."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL:])

    def stop(self) -> None:
        """End all of them, politely first. The groups go too: gunicorn's workers outlive a killed master otherwise."""
        give_up = time.monotonic() + STOP_WITHIN
        for process in self.running.values():
            _signal(process, signal.SIGTERM)
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, give_up - time.monotonic()))
            _signal(process, signal.SIGKILL)
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """A polite kill and a closed terminal end what is within as Ctrl-C does: it stops what it started."""
    heard = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in heard}  # under nohup, SIGHUP is none of them
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # `timeout` tells us twice: the second one would end the stopping
    raise KeyboardInterrupt


def free_port(wanted: int) -> int:
    """The wanted port of this machine if it is free, else any that the system gives to nobody before our program listens there."""
    for port in (wanted or choice(BELOW_EPHEMERAL), *(choice(BELOW_EPHEMERAL) for _ in range(100))):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise click.ClickException("there is no free port on 127.0.0.1")
