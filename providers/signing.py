"""Constant-time HMAC over raw bytes, with any number of secrets, none of them empty."""

import hashlib
import hmac


def usable(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The same secrets, or ValueError: an empty secret makes every forgery authentic."""
    if not secrets or not all(secret.strip() for secret in secrets):
        raise ValueError("a webhook secret is missing or empty")
    return secrets


def sign(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in lower-case hexadecimal."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def signed_by_any(secrets: tuple[str, ...], message: bytes, signature: str) -> bool:
    """True when one of the secrets made this signature. Bytes are compared: on text, `compare_digest` raises for non-ASCII."""
    claimed = signature.encode(errors="surrogatepass")
    return any(hmac.compare_digest(sign(secret, message).encode(), claimed) for secret in usable(secrets))
