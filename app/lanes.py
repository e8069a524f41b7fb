"""Work side by side. Each rail, kind of parcel and receiver has a lane of its own, so who is slow holds up nobody else.

A lane works through one batch at a time, on a thread that lives as long as the batch. Threads are daemons: a server that
hangs must not keep the process from ending.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from app.outbox import REST, Away
from keystore.ids import new_id

log = logging.getLogger(__name__)

Work = Callable[
    [str, str], object
]  # one id, and a token that fences off everybody else; what it gives says whether it went well


@dataclass
class Batch:
    """What a lane has in hand: ids, and the one it is at with the token of its lease."""

    ids: Sequence[str]
    work: Work
    give_back: Work
    now_at: tuple[str, str] | None = None
    thread: threading.Thread | None = field(default=None, repr=False)


class Lanes:
    """What is in hand in this process. `news` is set whenever a lane comes free and there may be more for it."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self.news = threading.Event()
        self._clock = clock
        self._in_hand: dict[str, Batch] = {}
        self._resting: dict[str, float] = {}
        self._closed = threading.Event()

    def busy(self) -> tuple[str, ...]:
        """Lanes that take nothing now: they have a batch in hand, or their host is away."""
        resting = [lane for lane, until in self._resting.copy().items() if until > self._clock()]
        return (*self._in_hand.copy(), *resting)

    def begin(self, lane: str, ids: Sequence[str], work: Work, *, give_back: Work = lambda *_: None) -> None:
        """Have these worked on in order. `give_back` is called for one that is still in hand when time is up."""
        batch = self._in_hand[lane] = Batch(ids, work, give_back)
        batch.thread = threading.Thread(target=self._run, args=(lane, batch), name=f"lane {lane}", daemon=True)
        try:
            batch.thread.start()
        except RuntimeError:  # no thread to be had: the next round tries again
            del self._in_hand[lane]
            raise

    def close(self, *, seconds: float) -> None:
        """Begin nothing more; finish what is in hand, at most so long; give back what is not finished by then."""
        self._closed.set()
        until = self._clock() + seconds
        for thread in [batch.thread for batch in self._in_hand.copy().values() if batch.thread]:
            thread.join(max(0.0, until - self._clock()))
        for lane, batch in self._in_hand.copy().items():
            in_hand = batch.now_at  # read once: its thread may be done at this very moment
            if in_hand:
                log.warning("%s: %s is not finished and given back", lane, in_hand[0])
                _try(batch.give_back, *in_hand)

    def _run(self, lane: str, batch: Batch) -> None:
        """Work until the batch is done. Only a batch of which something succeeded is news: a failure waits for the next round."""
        succeeded = False
        for one in batch.ids:
            if self._closed.is_set():
                break
            batch.now_at = one, new_id("lea")
            try:
                succeeded = _try(batch.work, *batch.now_at) or succeeded
            except Away:
                # what is written meanwhile waits too; what waited already was put off for everybody
                self._resting[lane] = self._clock() + REST.total_seconds()
                break
        batch.now_at = None
        del self._in_hand[lane]
        if succeeded:
            self.news.set()


def _try(work: Work, one: str, token: str) -> bool:
    """Whether it went well. Only that a host is away is told to the caller."""
    try:
        return bool(work(one, token))
    except Away:
        raise
    except Exception:
        log.exception("%s was not finished; it stays due", one)
        return False
