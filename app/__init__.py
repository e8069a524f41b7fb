"""Tollgate: sells API keys by card and by bitcoin, and guards the API behind them.

`create_app` and `assemble` are found here, as Flask users expect, but loaded only when asked for: whoever imports the
ledger gets the ledger, not a web framework.
"""

from typing import Any

__all__ = ["assemble", "create_app"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from app import factory  # noqa: PLC0415

    return getattr(factory, name)
