"""Usage per key and day, gathered in memory and written every few seconds: the hot path puts down whose request passed.

Told late, lost with a killed process, and never used for a limit. What a quota counts is not here but in SQL's blocks.
"""

import logging
import threading
from collections import Counter, deque
from datetime import date, datetime, timedelta

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app.books import keystore
from app.tollgate import Tollgate
from keystore.usage import DayUse, add_usage

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
WAKE_AT = 2_000  # keys: flushed before their time
MOST_KEYS = 50_000  # while the database is away; what does not fit is not counted
MOST_NOTED = 2_000  # requests: then they are added up, in about two milliseconds
MOST_TOUCHED = 20_000  # keys; with more in use than that in a minute, some are noted more often
CHUNK = 500  # keys in one transaction, so that no other writer waits for long
TOUCH_EVERY = timedelta(seconds=60)  # last_used_at needs no more

_Counts = dict[tuple[str, int], list[int]]  # (key, day as an ordinal) -> passed, refused


class UsageBatch:
    """What the keys of one process did since the last flush. Thread-safe."""

    def __init__(self, tollgate: Tollgate) -> None:
        self.waiting = threading.Event()  # set when a flush should not wait any longer
        self._tollgate = tollgate
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._passed: deque[str] = deque()  # the keys of requests of `_day` that passed and cost one: nearly all
        self._day = 0
        self._counts: _Counts = {}
        self._lost = 0
        self._touched: dict[str, datetime] = {}

    def note(self, key_id: str, now: datetime, *, cost: int, passed: bool) -> None:
        """Add one request. Never waits for the database. One that is under way at midnight may be of either day."""
        day = now.toordinal()
        if passed and cost == 1 and day == self._day:
            self._passed.append(key_id)  # no look-up for each: with many keys in use that would be waiting for memory
            if len(self._passed) >= MOST_NOTED:
                with self._lock:
                    self._add_up()
            return
        with self._lock:
            if day != self._day:
                self._add_up()
                self._day = day
            self._add((key_id, day), cost, passed=passed)

    def _add_up(self) -> None:
        """What was put down until now."""
        passed = Counter(self._passed.popleft() for _ in range(len(self._passed)))
        for key_id, times in passed.items():
            self._add((key_id, self._day), times, passed=True)

    def _add(self, name: tuple[str, int], cost: int, *, passed: bool) -> None:
        counts = self._counts.get(name)
        if counts is None:
            if len(self._counts) >= MOST_KEYS:
                self._lost += cost
                return
            counts = self._counts[name] = [0, 0]
            if len(self._counts) >= WAKE_AT:
                self.waiting.set()
        counts[0 if passed else 1] += cost

    def flush(self) -> None:
        """Write all of it. What the database does not take stays for the next time."""
        with self._flushing:
            with self._lock:
                self._add_up()
                self.waiting.clear()  # for what is taken now
                counts, self._counts = self._counts, {}
                lost, self._lost = self._lost, 0
            if lost:
                log.error("%s requests are in nobody's usage: too much waited for the database", lost)
            try:
                self._write_all(counts)
            except SQLAlchemyError as error:
                log.warning("usage of %s keys waits: %s", len(counts), error)
            finally:
                self._take_back(counts)

    def _write_all(self, counts: _Counts) -> None:
        """Take out of `counts` what is written, and what never can be."""
        names = sorted(counts)
        chunks = [names[at : at + CHUNK] for at in range(0, len(names), CHUNK)][::-1]
        while chunks:
            chunk = chunks.pop()
            try:
                self._write({name: counts[name] for name in chunk})
            except IntegrityError:  # a database that was put back from a backup lacks keys that are in use
                if len(chunk) > 1:
                    half = len(chunk) // 2
                    chunks += chunk[half:], chunk[:half]
                    continue
                log.exception("the usage of %s on one day is dropped: %s", chunk[0][0], counts[chunk[0]])
            for name in chunk:
                del counts[name]

    def _write(self, counts: _Counts) -> None:
        now = self._tollgate.clock()
        uses = [DayUse(key, date.fromordinal(day), *numbers) for (key, day), numbers in counts.items()]
        used = {use.key_id for use in uses if use.requests}
        due = [key for key in used if key not in self._touched or now - self._touched[key] >= TOUCH_EVERY]
        with self._tollgate.db.write() as session:
            add_usage(session, uses)
            if due:
                keystore(session, self._tollgate).touch(due, now=now)
        if len(self._touched) > MOST_TOUCHED:
            self._touched.clear()
        self._touched |= dict.fromkeys(due, now)

    def _take_back(self, counts: _Counts) -> None:
        with self._lock:
            for name, (passed, refused) in counts.items():
                here = self._counts.setdefault(name, [0, 0])
                here[0] += passed
                here[1] += refused


class Clerk:
    """A thread that flushes a batch every few seconds, and once more when it is stopped."""

    def __init__(self, batch: UsageBatch) -> None:
        self._batch = batch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, seconds: float = 5.0) -> None:
        """Flush what is left, waiting at most so long."""
        self._stop.set()
        self._batch.waiting.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._batch.waiting.wait(FLUSH_SECONDS)
            self._batch.waiting.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        try:
            self._batch.flush()
        except Exception:
            log.exception("a flush of usage failed; the next one tries again")
