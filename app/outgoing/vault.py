"""Signing secrets of endpoints, encrypted at rest: a copy of the database signs nothing."""

import base64
import secrets

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keystore.secret import Secret

SECRET_BYTES = 32


class Unreadable(Exception):
    """Sealed under another SECRET_KEY."""


def new_secret() -> Secret:
    """`whsec_` and 32 random bytes in base64, as Standard Webhooks writes them."""
    return Secret("whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


def seal(secret_key: bytes, secret: Secret) -> str:
    """What the database keeps."""
    return _fernet(secret_key).encrypt(secret.reveal().encode()).decode()


def unseal(secret_key: bytes, sealed: str) -> Secret:
    """The secret again. Raises Unreadable when SECRET_KEY has changed since."""
    try:
        return Secret(_fernet(secret_key).decrypt(sealed.encode()).decode())
    except InvalidToken:
        raise Unreadable from None


def _fernet(secret_key: bytes) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tollgate: secrets of webhook endpoints")
    return Fernet(base64.urlsafe_b64encode(key.derive(secret_key)))
