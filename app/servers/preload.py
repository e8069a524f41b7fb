"""All code, loaded once, before a server forks its workers: they share it, and one that died is replaced in 0.3 s."""

import gc

from app import catalog_file, factory, worker  # noqa: F401


def freeze() -> None:
    """Leave alone what was loaded: to look through it, as every worker's collector would, is to copy it."""
    gc.collect()
    gc.freeze()
