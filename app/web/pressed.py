"""A form carries a nonce, so that pressing its button twice makes one order."""

import hashlib
from uuid import uuid4

from flask import request

from app import idempotency
from app.problems import WeakIdempotencyKey
from keystore.secret import Secret


def nonce() -> str:
    """The one that the form came with; a fresh one where there is none, or none worth the name."""
    try:
        return idempotency.check(request.form.get("nonce", ""))[:64]
    except WeakIdempotencyKey:
        return str(uuid4())


def idempotency_key(nonce: str, *choices: str) -> Secret:
    """Of the page and what was chosen on it: going back and choosing the other rail is another order, not a mismatch."""
    digest = hashlib.sha256("\0".join(choices).encode("utf-8", "replace")).hexdigest()[:32]
    return Secret(f"{nonce}.{digest}")
