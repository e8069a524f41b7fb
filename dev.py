"""The developer's one door, with nothing but Python 3.11 or newer: sets up `.venv` from the lock file, then runs what you ask for.

python3 dev.py demo [--auto] [--port N]   the whole of Tollgate on this machine, with play money
python3 dev.py test [pytest arguments]    the tests
python3 dev.py bench [--quick] [options]  how fast it is here, beside what it is compared with: docs/scaling.md
python3 dev.py check                      lint, format, types, migrations, tests: what has to pass before a commit

With uv on the PATH it is used; without, it is installed into `.venv`; where even that fails, pip installs without the lock.
"""

from __future__ import annotations  # so that an old Python gets as far as our message

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = VENV / ".tollgate-stamp"  # what was installed, so that the second start is fast
CHECKS = {
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
    "migrations": ("tollgate", "db", "check"),
    # One process more than two cores, as some tests wait; who shares a fixture mostly runs in one.
    "tests": ("pytest", "-n3", "--dist=worksteal"),
}


def main(arguments: list[str]) -> int:
    """Run one command; the exit status is what it answers."""
    if sys.version_info < OLDEST:
        return complain(f"Tollgate needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}.")
    commands: dict[str, Callable[[list[str]], int]] = {"demo": demo, "test": test, "bench": bench, "check": check}
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        return complain(__doc__ or "")
    os.chdir(ROOT)
    try:
        return command(arguments[1:])
    except subprocess.CalledProcessError as error:
        return complain(f"Setting up failed: {' '.join(map(str, error.cmd))} ended with {error.returncode}.")


def complain(text: str) -> int:
    """To the error stream; the exit status of a mistake."""
    print(text, file=sys.stderr)
    return 2


def demo(arguments: list[str]) -> int:
    """`tollgate demo`."""
    prepare(groups="lean")
    return become("tollgate", "demo", *arguments)


def test(arguments: list[str]) -> int:
    """`pytest`."""
    prepare(groups="full")
    return become("pytest", *arguments)


def bench(arguments: list[str]) -> int:
    """`tollgate bench`, with the peers that it compares with."""
    prepare(groups="full")
    uv = uv_on_path() or own_uv()
    if uv:
        environ = os.environ | {"UV_PROJECT_ENVIRONMENT": str(VENV)}
        subprocess.run([uv, "sync", "--frozen", "--inexact", "--quiet", "--group", "bench"], check=True, env=environ)
    return become("tollgate", "bench", *arguments)


def check(_: list[str]) -> int:
    """Every check, each to its end, so that one run shows all there is to mend."""
    prepare(groups="full")
    failed = []
    for name, command in CHECKS.items():
        say(name)
        if subprocess.run([tool(command[0]), *command[1:]], check=False).returncode:
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def prepare(*, groups: str) -> None:
    """Install what the lock file says: `lean` to run, `full` to develop. Nothing happens when that was done before."""
    locked = b"".join((ROOT / name).read_bytes() for name in ("uv.lock", "pyproject.toml"))
    wanted = hashlib.sha256(locked).hexdigest()
    done = STAMP.read_text().split() if STAMP.exists() else []
    if done in ([wanted, "full"], [wanted, groups]):
        return
    uv = uv_on_path() or own_uv()
    if uv:
        say("installing what uv.lock names into .venv")
        lean = ["--no-default-groups"] if groups == "lean" else []
        environ = os.environ | {"UV_PROJECT_ENVIRONMENT": str(VENV)}
        subprocess.run([uv, "sync", "--frozen", "--inexact", *lean], check=True, env=environ)
    else:
        install_with_pip(groups)
    STAMP.write_text(f"{wanted} {groups}\n")


def uv_on_path() -> str | None:
    """The uv of this machine, if it runs: version managers leave stubs that do not."""
    found = shutil.which("uv")
    works = found and subprocess.run([found, "--version"], check=False, capture_output=True).returncode == 0
    return found if works else None


def own_uv() -> str | None:
    """The uv inside `.venv`, made and installed if need be; None when it cannot be had."""
    found = shutil.which("uv", path=str(BIN))
    if found:
        return found
    say(f"making .venv with Python {sys.version.split()[0]} (once; it may take half a minute)")
    try:
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(VENV)
    except subprocess.CalledProcessError:
        say("Python's venv module is not complete here. On Debian: apt install python3-venv. Or install uv.")
        raise
    say("installing uv")
    pip("install", "--quiet", "uv", check=False)
    return shutil.which("uv", path=str(BIN))


def install_with_pip(groups: str) -> None:
    """The fall-back: newest versions that fit pyproject.toml, not the locked ones."""
    import tomllib  # noqa: PLC0415 (not there on Pythons that are too old, which are to be told so)

    say("uv is not to be had: pip installs the newest versions that fit, not the locked ones")
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"] if groups == "full" else []
    pip("install", "--editable", ".", *tools, check=True)


def pip(*arguments: str, check: bool) -> None:
    """Run the pip of `.venv`."""
    subprocess.run([tool("python"), "-m", "pip", "--disable-pip-version-check", *arguments], check=check)


def tool(name: str) -> str:
    """The path of a program in `.venv`."""
    return shutil.which(name, path=str(BIN)) or str(BIN / name)


def become(name: str, *arguments: str) -> int:
    """Turn into a program of `.venv`, so that signals reach it; Windows has to wait for it instead."""
    command = [tool(name), *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 (no shell is what we want)
    return subprocess.run(command, check=False).returncode


def say(text: str) -> None:
    """Progress."""
    print(f"· {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
