"""A number that all processes forked after its making add to, and that any of them tells."""

import mmap
import os

SLOTS = 1024
WIDTH = 8  # bytes of a slot


class Tally:
    """Only ever more, whichever processes end meanwhile. There is no lock between them: one that was killed would hold it for good.

    Each adds in a slot of its own instead, as long as no two ids are the same modulo SLOTS: those may lose some of each other's.
    The threads of one process have to take turns.
    """

    def __init__(self) -> None:
        self._slots = memoryview(mmap.mmap(-1, SLOTS * WIDTH)).cast("Q")  # a fork shares it, where it copies all else

    def add(self) -> None:
        """One more."""
        self._slots[os.getpid() % SLOTS] += 1

    def total(self) -> int:
        """Of all processes so far."""
        return sum(self._slots)
