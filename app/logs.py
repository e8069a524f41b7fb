"""Logs: one JSON line each on stdout (readable text on a terminal), tied together by a request id, with secrets taken out.

Nothing of ours logs a secret on purpose. The redaction works on the finished line, so it also stands behind libraries,
tracebacks and texts that somebody else composed.
"""

import logging
import random
import re
import sys
from typing import Any, Final, TextIO

import structlog

from app import audit

HEADER = "X-Request-Id"
TALKATIVE = ("stripe", "urllib3", "werkzeug")  # they log whole requests below WARNING

_SANE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SECRETS: Final = (
    (
        re.compile(r"\b([a-z][a-z0-9]{0,15}_(?:live|test)_[0-9A-Za-z]{12}_)[0-9A-Za-z]{40,}"),
        r"\1[secret]",
    ),  # API keys of ours; the id is public
    (
        re.compile(r"\b((?:[srp]k_(?:live|test)|whsec)_)[0-9A-Za-z+/=_-]{6,}"),
        r"\1[secret]",
    ),  # Stripe's keys and webhook secrets
    (
        re.compile(
            r"""(?ix) \b (authorization | x-api-key | idempotency-key | set-cookie | cookie | stripe-signature | btcpay-sig)
            (["']? \s* [:=,] \s* ["']?) [^"'\\\n]+"""
        ),
        r"\1\2[secret]",
    ),
    (re.compile(r"(?i)\b(bearer|token)(\s+|=)[0-9A-Za-z._~+/=-]{16,}"), r"\1\2[secret]"),
    (re.compile(r"(\w+://[^\s:/@]*):[^\s/@]+@"), r"\1:[secret]@"),  # passwords in database and Redis addresses
)


def redact(text: str) -> str:
    """The text without anything that looks like a key, a token or a password."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def configure(level: str) -> None:
    """Set up logging for this process. Calling it again only changes the level."""
    root = logging.getLogger()
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    if any(isinstance(handler, _Stdout) for handler in root.handlers):
        return
    handler = _Stdout()
    handler.setFormatter(_formatter())
    root.addHandler(handler)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def request_id() -> str:
    """Of the request at hand; a new one outside of any."""
    return audit.request_id.get() or _new_id()


def choose_request_id(given: str) -> str:
    """The caller's own id where it is one, else a new one."""
    return given if given and _SANE_ID.fullmatch(given) else _new_id()


def _new_id() -> str:
    """Unique is enough: to ask the system for secrets would hand every request's turn to another thread.

    Python's own generator, which it seeds anew in a forked worker; one made here would repeat itself in each of them.
    """
    return f"req_{random.getrandbits(96):024x}"


def _add_request_id(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    current = audit.request_id.get()
    return {**event, "request_id": current} if current else event


_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_request_id,
]


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """The last hand on every line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to whatever stdout is now: test runners and servers replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # the base class keeps the one it was made with
        return sys.stdout


def _formatter() -> logging.Formatter:
    terminal = sys.stdout.isatty()
    endings: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    return _Redacting(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *endings],
    )
