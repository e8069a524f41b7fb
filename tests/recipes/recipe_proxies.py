"""The proxies of the recipes: how each is started, with its recipe as it is written, on other ports."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest
import requests

RECIPES = Path(__file__).parents[2] / "docs/recipes"
NO_ROUTE_YET = 404  # Traefik listens before it has read its file


def nginx(folder: Path, ports: dict[str, str]) -> list[str]:
    """How to start nginx in `folder`."""
    program = find("nginx", "/usr/sbin/nginx")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"    {kind}_temp_path {folder / kind};\n" for kind in kinds)
    text = recipe("nginx.conf", ports).replace("http {\n", f"http {{\n    access_log off;\n{temporary}", 1)
    (folder / "nginx.conf").write_text(text)
    shutil.copy(RECIPES / "tollgate_request.conf", folder)
    user = "user root; " if os.geteuid() == 0 else ""  # its workers have to reach the test's folder
    options = f"{user}daemon off; pid {folder / 'pid'};"
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", options]


def caddy(folder: Path, ports: dict[str, str]) -> list[str]:
    """How to start Caddy in `folder`."""
    program = find("caddy", "/usr/bin/caddy")
    (folder / "Caddyfile").write_text(recipe("Caddyfile", ports))
    return [program, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def traefik(folder: Path, ports: dict[str, str]) -> list[str]:
    """How to start Traefik in `folder`."""
    program = find("traefik", str(Path(sys.executable).with_name("traefik")))
    (folder / "traefik-dynamic.yml").write_text(recipe("traefik-dynamic.yml", ports))
    started = re.search(r"^#   traefik (.+)$", recipe("traefik-dynamic.yml", ports), re.MULTILINE)
    assert started, "the recipe says how it is started"
    return [program, *shlex.split(started[1])]


def recipe(name: str, ports: dict[str, str]) -> str:
    """The recipe as it is written, on other ports."""
    text = (RECIPES / name).read_text()
    for written, free in ports.items():
        text = text.replace(written, free)
    return text


def find(name: str, usual: str) -> str:
    """The installed program; a skip, or in CI a failure, when there is none."""
    return shutil.which(name) or (usual if Path(usual).exists() else absent(name))


def absent(name: str) -> NoReturn:
    """Say what is missing."""
    reason = f"{name} is not installed: its recipe was not tried"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """A process until the end of the block, once its port answers."""
    environ = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output) as process,
    ):
        try:
            wait_for(process, port, log)
            yield
        finally:
            process.terminate()
            process.wait(10)


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until somebody answers at `port`; at most ten seconds."""
    for _ in range(200):
        with suppress(requests.ConnectionError):
            if requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code != NO_ROUTE_YET:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


PROXIES = {"nginx": nginx, "caddy": caddy, "traefik": traefik}
