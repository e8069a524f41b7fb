"""Links in letters that prove something by themselves. Their secrets are worked out from SECRET_KEY and stored nowhere."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import BadSignature, URLSafeSerializer

from app.config import Settings
from app.problems import LinkSpent
from keystore.secret import Secret


def recovery(settings: Settings, recovery_id: str) -> str:
    """Where a lost key is replaced. The token is in the fragment: browsers send it to no server, and so into no log."""
    return f"{settings.public_url}/recover#{recovery_token(settings, recovery_id).reveal()}"


def recovery_token(settings: Settings, recovery_id: str) -> Secret:
    """256 bits, the same for the same recovery."""
    root = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tollgate: tokens of recovery links")
    digest = hmac.digest(root.derive(settings.secret_bytes), recovery_id.encode(), "sha256")
    return Secret(base64.urlsafe_b64encode(digest).decode().rstrip("="))


def token_hash(token: Secret) -> bytes:
    """What is stored of a token. 32 bytes; 256 random bits need no slow hash."""
    return hashlib.sha256(token.reveal().encode()).digest()


def stranger(settings: Settings, order_id: str) -> str:
    """Where a payer says "that was not for me"."""
    return f"{settings.public_url}/not-mine/{_signer(settings).dumps(order_id)}"


def order_of_stranger(settings: Settings, token: str) -> str:
    """The order that such a link is about. Raises LinkSpent for what we did not sign."""
    try:
        return str(_signer(settings).loads(token))
    except BadSignature:
        raise LinkSpent from None


def _signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_bytes, salt="tollgate: not mine")
