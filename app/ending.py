"""What is to be done when a process ends by itself."""

from collections.abc import Callable
from multiprocessing.util import Finalize


def at_end(act: Callable[[], object]) -> Finalize:
    """Run it once, at the end of this process; `.cancel()` takes it back.

    Not by atexit: servers such as granian run their workers as children of multiprocessing, and those end without it.
    """
    return Finalize(None, act, exitpriority=0)
