"""A part of a core for each worker, by Linux' control groups: what a second one adds shows where nothing else runs short."""

from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep

PERIOD = 20_000  # microseconds; a worker that used its part rests until the next one begins. In the usual 100,000 a turn had few of them
GONE_WITHIN = 5.0  # seconds after its process ended
CGROUPS = Path("/sys/fs/cgroup")


class Share:
    """A group with one process in it. Raises OSError where groups cannot be made."""

    def __init__(self, part: float) -> None:
        quota = int(part * PERIOD)
        old = CGROUPS / "cpu"  # of version 1 of control groups
        self._folder = (old if old.is_dir() else CGROUPS) / f"tollgate-bench-{token_hex(4)}"
        self._folder.mkdir()
        try:
            if old.is_dir():
                self._set("cpu.cfs_period_us", PERIOD)
                self._set("cpu.cfs_quota_us", quota)
            else:
                self._set("cpu.max", f"{quota} {PERIOD}")
        except OSError:
            self._folder.rmdir()
            raise

    def take(self, pid: int) -> None:
        """Put a process in, with all its threads."""
        self._set("cgroup.procs", pid)

    def close(self) -> None:
        """Let go of it once its process is gone."""
        give_up = monotonic() + GONE_WITHIN
        while self._folder.exists() and monotonic() < give_up:
            with suppress(OSError):
                self._folder.rmdir()
            sleep(0.05)

    def _set(self, name: str, value: object) -> None:
        path = self._folder / name
        if not path.exists():
            raise FileNotFoundError(f"no {name} in control groups here")
        path.write_text(str(value))


def are_to_be_had() -> bool:
    """Whether this user may make such groups here."""
    try:
        Share(0.5).close()
    except OSError:
        return False
    return True
