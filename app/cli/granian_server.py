"""`python -m app.cli.granian_server`: granian with all code loaded before it forks its workers, as gunicorn.conf.py does for gunicorn.

What is loaded once is shared by every worker, and one that died is replaced without loading it again.
"""

import gc
import multiprocessing
import sys

from granian.cli import entrypoint
from granian.server import mp

from app import catalog_file, factory, worker  # noqa: F401
from app.cli.granian_answers import wrap

if __name__ == "__main__":
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")  # from Python 3.14 on it has to be asked for
    mp._wsgi_call_wrap = wrap  # type: ignore[assignment]  # noqa: SLF001 (the only way in; without it nothing waits)
    gc.collect()
    gc.freeze()  # what was imported is left alone by every worker's collector: to look through it would be to copy it
    entrypoint()  # type: ignore[no-untyped-call]  # granian forgot
