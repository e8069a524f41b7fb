"""What the keystore answers when it has changed something."""

from dataclasses import dataclass
from datetime import datetime

from keystore.secret import Secret


@dataclass(frozen=True, slots=True)
class Change:
    """Publish this version of this entitlement after the commit."""

    entitlement_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key, and the only copy of its plaintext. Its entitlement has a new version to publish."""

    entitlement_id: str
    key_id: str
    secret: Secret
    version: int


@dataclass(frozen=True, slots=True)
class Rotated:
    """A successor, and until when the key it replaces works."""

    issued: Issued
    previous_id: str
    previous_ends_at: datetime
