"""The running Tollgate, from inside a request."""

from flask import current_app

from app.gate import Gate
from app.tollgate import Tollgate


def tollgate() -> Tollgate:
    """What every step takes as its first argument."""
    parts: Tollgate = current_app.extensions["tollgate"]
    return parts


def gate_of_app() -> Gate:
    """The gate of this process."""
    gate: Gate = current_app.extensions["gate"]
    return gate
