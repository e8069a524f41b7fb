"""Receipts, parcels and sweeps on a schedule: as a process of its own (`tollgate worker`) or a thread beside the gateway.

Everything it does is leased, so any number of workers on any number of hosts may run; none of them has to.
"""

import logging
import threading
import time

from app import ingest, outbox, receipts
from app.carriers import CARRIERS
from app.sweep import sweep
from app.tollgate import Tollgate

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
BATCH = 20


class Worker:
    """A worker thread that can be stopped."""

    def __init__(self, tollgate: Tollgate) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=run, args=(tollgate, self._stop), name="worker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, seconds: float = 10.0) -> None:
        """Finish what is in hand, at most so long."""
        self._stop.set()
        self._thread.join(seconds)


def start_embedded(tollgate: Tollgate) -> Worker:
    """Run beside the gateway in this process."""
    worker = Worker(tollgate)
    worker.start()
    return worker


def run(tollgate: Tollgate, stop: threading.Event) -> None:
    """Work until `stop` is set. Nothing that goes wrong in one round ends the worker."""
    next_sweep = time.monotonic() + min(5.0, tollgate.settings.sweep_seconds)
    while not stop.is_set():
        busy = False
        try:
            busy = run_once(tollgate, stop)
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + tollgate.settings.sweep_seconds
                sweep(tollgate)
        except Exception:
            log.exception("a round of the worker failed; the next one tries again")
        stop.wait(0 if busy else PAUSE_SECONDS)


def run_once(tollgate: Tollgate, stop: threading.Event | None = None) -> bool:
    """One round over what is due. True when there was something to do."""
    due = receipts.find_due(tollgate, limit=BATCH)
    for receipt_id in due:
        if stop is not None and stop.is_set():
            return False
        try:
            ingest.process(tollgate, receipt_id)
        except Exception:
            log.exception("receipt %s stays due", receipt_id)
    return bool(outbox.run_due(tollgate, CARRIERS, limit=BATCH)) or bool(due)
