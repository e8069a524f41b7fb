"""Receipts, parcels and sweeps on a schedule: as a process of its own (`tollgate worker`) or a thread beside the gateway.

Everything it does is leased, so any number of workers on any number of hosts may run; none of them has to. The worker's own
thread only looks for what is due and hands it out to lanes: it never waits for a rail, a mail server or a receiver.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from app import ingest, outbox, receipts
from app.addresses import fold_addresses
from app.carriers import CARRIERS
from app.lanes import Lanes, Work
from app.outbox import Carriers
from app.retention import forget
from app.sweep import sweep_rail, tidy
from app.tollgate import Tollgate

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
FIRST_SECONDS = 5.0  # until the first sweep
HOURLY_SECONDS = 3600.0
STOP_SECONDS = 8.0  # containers are killed after ten
BATCH = 20
MOST_RECEIVERS = 4  # of outgoing webhooks, at once in one process
INBOX = "receipts of "


class Worker:
    """A worker that can be stopped."""

    def __init__(self, tollgate: Tollgate, carriers: Carriers = CARRIERS) -> None:
        self._tollgate, self._carriers = tollgate, carriers
        self._lanes = Lanes()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        soon = time.monotonic() + min(FIRST_SECONDS, tollgate.settings.sweep_seconds)
        self._next: dict[str, float] = defaultdict(lambda: soon)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, seconds: float = STOP_SECONDS) -> None:
        """Finish what is in hand, at most so long; what is not finished by then is due again at once, wherever a worker runs."""
        until = time.monotonic() + seconds
        self._stop.set()
        self._lanes.news.set()
        self._thread.join(seconds)
        self._lanes.close(seconds=max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        """Hand out until told to stop. Nothing that goes wrong in one round ends the worker."""
        while not self._stop.is_set():
            self._lanes.news.clear()
            try:
                self._hand_out()
            except Exception:
                log.exception("a round of the worker failed; the next one tries again")
            self._lanes.news.wait(PAUSE_SECONDS)

    def _hand_out(self) -> None:
        every = self._tollgate.settings.sweep_seconds
        self._on_time("tidy", every, tidy)
        for rail in self._tollgate.providers:
            self._on_time(f"sweep of {rail}", every, partial(sweep_rail, rail=rail))
        self._on_time("forget", HOURLY_SECONDS, forget)
        self._on_time("fold", HOURLY_SECONDS, fold_addresses)
        busy = self._lanes.busy()
        rails = tuple(lane.removeprefix(INBOX) for lane in busy if lane.startswith(INBOX))
        for rail, ids in _by_lane(receipts.find_due(self._tollgate, limit=BATCH, without=rails)).items():
            self._begin(INBOX + rail, ids, self._process, receipts.give_back)
        free = MOST_RECEIVERS - sum(map(outbox.is_receiver, busy))
        full = () if free else (outbox.WEBHOOK,)
        for lane, ids in _by_lane(outbox.find_due(self._tollgate, limit=BATCH, without=(*busy, *full))).items():
            free -= outbox.is_receiver(lane)
            if free >= 0 or not outbox.is_receiver(lane):
                self._begin(lane, ids, self._send, outbox.give_back)

    def _on_time(self, name: str, every: float, work: Callable[[Tollgate], object]) -> None:
        if time.monotonic() >= self._next[name] and name not in self._lanes.busy():
            self._lanes.begin(name, [name], lambda *_: work(self._tollgate))
            self._next[name] = time.monotonic() + every  # not before: where no thread is to be had the next round tries

    def _begin(self, lane: str, ids: list[str], work: Work, give_back: Callable[[Tollgate, str, str], None]) -> None:
        if not self._stop.is_set():
            self._lanes.begin(lane, ids, work, give_back=lambda one, token: give_back(self._tollgate, one, token))

    def _process(self, receipt_id: str, token: str) -> bool:
        return ingest.process(self._tollgate, receipt_id, token=token) != "due"

    def _send(self, parcel_id: str, token: str) -> bool:
        return outbox.send(self._tollgate, self._carriers, parcel_id, token=token)


def start_embedded(tollgate: Tollgate) -> Worker:
    """Run beside the gateway in this process."""
    worker = Worker(tollgate)
    worker.start()
    return worker


def run_once(tollgate: Tollgate) -> bool:
    """Everything that is due now, one after another, in the caller's thread. True when there was something to do."""
    due = [receipt_id for _, receipt_id in receipts.find_due(tollgate, limit=BATCH)]
    for receipt_id in due:
        try:
            ingest.process(tollgate, receipt_id)
        except Exception:
            log.exception("receipt %s stays due", receipt_id)
    return bool(outbox.run_due(tollgate, CARRIERS, limit=BATCH)) or bool(due)


def _by_lane(found: list[tuple[str, str]]) -> dict[str, list[str]]:
    """What was found for each lane. The order stays: what has waited longest comes first."""
    lanes: dict[str, list[str]] = {}
    for lane, one in found:
        lanes.setdefault(lane, []).append(one)
    return lanes
