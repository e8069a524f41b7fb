"""Repeating a request gives the same answer without storing a secret. PURE.

The caller's Idempotency-Key is a secret itself, because the API key can be derived from it: only its HMAC is kept.
"""

import hashlib
import hmac
import json
import uuid

from app.problems import WeakIdempotencyKey

SHORTEST, LONGEST, FEWEST_DIFFERENT = 32, 255, 8


def check(value: str) -> str:
    """The key without the quotes of its structured form; raises WeakIdempotencyKey for what could be guessed."""
    key = value.strip().removeprefix('"').removesuffix('"')
    if not key.isascii() or not key.isprintable() or len(key) > LONGEST:
        raise WeakIdempotencyKey(f"use a random UUID, or {SHORTEST} to {LONGEST} random printable ASCII characters")
    if len(key) < SHORTEST and not _is_uuid(key):
        raise WeakIdempotencyKey(f"too short: use a random UUID, or {SHORTEST} random characters or more")
    if len(set(key.replace("-", "").lower())) < FEWEST_DIFFERENT:
        raise WeakIdempotencyKey("too regular: somebody could guess it. Use a random UUID")
    return key


def _is_uuid(key: str) -> bool:
    try:
        return str(uuid.UUID(key)) == key.lower()
    except ValueError:
        return False


def fingerprint(secret_key: bytes, key: str) -> bytes:
    """What is stored of the key: 32 bytes that lead nowhere without SECRET_KEY."""
    return hmac.digest(secret_key, b"tollgate idempotency\0" + key.encode(), "sha256")


def body_hash(**fields: str | None) -> bytes:
    """32 bytes that differ when the request differs."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).digest()
