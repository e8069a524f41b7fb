"""How floods are slowed down: an answer may say that it can wait, and both servers know how to keep it without keeping a thread.

All that wait take turns, so a flood on few connections is one answer in each GAP, on many (MOST at the most) each has one in LONGEST;
what comes on more goes on at full speed. Other servers answer at once.
"""

MAY_WAIT = "tollgate.may_wait"  # in the environ of a request whose answer may
GAP = 0.05  # seconds between two of them, in each process
LONGEST = 2.0  # seconds that one waits: proxies give up after three, and would take us for dead
MOST = 256  # that wait at once; more are given at once


class Pace:
    """When each of them is given, on any clock in seconds."""

    def __init__(self) -> None:
        self._last = 0.0

    def due(self, now: float) -> float:
        """The moment for one that is ready now. Never before that of an earlier one."""
        self._last = min(max(self._last, now) + GAP, now + LONGEST)
        return self._last
