"""What the command line that started a server says: servers tell an application nothing of it."""

import shlex
from argparse import ArgumentError, ArgumentParser
from collections.abc import Mapping, Sequence

ONE_COUNTER = (
    "{} workers would each count limits for themselves, and each admit as much. Fix: set REDIS_URL, or use 1 worker "
    "(WEB_CONCURRENCY=1)."
)


def workers_of(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """The workers that gunicorn or granian were asked for there; 1 when nothing is said of them."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-w", "--workers", type=int, default=1)
    said = [["--workers", environ.get("GRANIAN_WORKERS", "1")], shlex.split(environ.get("GUNICORN_CMD_ARGS", "")), argv]
    try:
        return max(int(parser.parse_known_args(line)[0].workers) for line in said)
    except ArgumentError:  # not a number: the server's own to refuse
        return 1
