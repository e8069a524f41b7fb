"""Situations the keystore can meet. They know no HTTP; `app.errors` translates."""


class KeystoreError(Exception):
    """Base of everything the keystore raises on purpose."""


class UnknownKey(KeystoreError):
    """No key has this id."""


class UnknownEntitlement(KeystoreError):
    """No entitlement has this id or reference."""


class NotRotatable(KeystoreError):
    """Only a key that is active and has no successor can be rotated."""


class BadLimits(KeystoreError):
    """An override is a whole number from 1 to a thousand million, under the name of a rate."""


class CounterStoreDown(KeystoreError):
    """The counter store did not answer in time; the caller may fall back to its local share."""


class LeftAlone(CounterStoreDown):
    """The counter store did nothing: it was not asked, or cannot say right now. A block that was on its way is still whole."""
