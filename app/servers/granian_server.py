"""`python -m app.servers.granian_server`: granian, with the application built before it forks, and our function before the application."""

import multiprocessing
import os
import sys
from contextlib import suppress
from typing import Any

from granian import cli
from granian.server import mp

from app import preload
from app.catalog_file import CatalogError
from app.config import SettingsError
from app.servers.granian_answers import wrap

mp._wsgi_call_wrap = wrap  # type: ignore[assignment]  # noqa: SLF001 (the only way in; without it nothing waits)


class Server(mp.MPServer):
    """granian's own; at SIGHUP the application is built anew before its workers are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_reload(preload.build)


cli.Server = Server


def let_work_pile_up() -> None:
    """None of our threads gives way to one that it wakes, until it waits itself: so that finds more to do at a time (docs/decisions/0021)."""
    with suppress(AttributeError, OSError):  # Linux' class for this; where it is not to be had, all goes on as usual
        if os.sched_getscheduler(0) == os.SCHED_OTHER:  # else an operator has chosen
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


if __name__ == "__main__":
    let_work_pile_up()
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")  # from Python 3.14 on it has to be asked for
    try:
        preload.build()
        cli.entrypoint()  # type: ignore[no-untyped-call]  # granian forgot
    except (SettingsError, CatalogError) as error:
        raise SystemExit(str(error)) from None
    except RuntimeError as error:
        if "os error" not in str(error):
            raise
        said = str(error).splitlines()[0]  # no more of Rust's backtrace
        raise SystemExit(f"granian cannot listen: {said}. Fix: another BIND (or PORT), or stop what has it.") from None
