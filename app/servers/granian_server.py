"""`python -m app.servers.granian_server`: granian, with the application built before it forks, and our function before the application."""

import multiprocessing
import sys
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


if __name__ == "__main__":
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
