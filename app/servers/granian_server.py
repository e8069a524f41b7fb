"""`python -m app.servers.granian_server`: granian, with all code loaded before it forks, and our function before the application."""

import multiprocessing
import sys

from granian.cli import entrypoint
from granian.server import mp

from app.servers import preload
from app.servers.granian_answers import wrap

mp._wsgi_call_wrap = wrap  # type: ignore[assignment]  # noqa: SLF001 (the only way in; without it nothing waits)

if __name__ == "__main__":
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")  # from Python 3.14 on it has to be asked for
    preload.freeze()
    try:
        entrypoint()  # type: ignore[no-untyped-call]  # granian forgot
    except RuntimeError as error:
        if "os error" not in str(error):
            raise
        raise SystemExit(f"granian cannot listen: {error}. Fix: another BIND (or PORT), or stop what has it.") from None
