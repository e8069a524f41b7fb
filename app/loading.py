"""What is loaded is kept: looking for garbage meanwhile, through all of it again and again, took a third of each start."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Python's collector rests, and leaves alone what is there by the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
