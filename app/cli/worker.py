"""`tollgate worker`: background work in a process of its own."""

import logging
import signal
import threading
from types import FrameType

import click

from app import logs
from app.cli.common import open_tollgate


@click.command()
def command() -> None:
    """Work on receipts, parcels and sweeps until told to stop (SIGTERM or Ctrl-C)."""
    from app.worker import Worker  # noqa: PLC0415 (other commands do without it)

    tollgate = open_tollgate()
    logs.configure(tollgate.settings.log_level)
    stop = threading.Event()

    def finish(_signal: int, _frame: FrameType | None) -> None:
        stop.set()  # what is in hand is finished, or given back

    signal.signal(signal.SIGTERM, finish)
    signal.signal(signal.SIGINT, finish)
    logging.getLogger(__name__).info("the worker has started")
    worker = Worker(tollgate)
    worker.start()
    stop.wait()
    worker.stop()
