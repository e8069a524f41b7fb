"""`python -m app.cli.granian_server`: granian with all code loaded before it forks its workers, as gunicorn.conf.py does for gunicorn.

What is loaded once is shared by every worker, and one that died is replaced without loading it again.
"""

import gc
import multiprocessing
import sys

from granian.cli import entrypoint

from app import catalog_file, factory, worker  # noqa: F401

if __name__ == "__main__":
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")  # from Python 3.14 on it has to be asked for
    gc.collect()
    gc.freeze()  # what was imported is left alone by every worker's collector: to look through it would be to copy it
    entrypoint()  # type: ignore[no-untyped-call]  # granian forgot
