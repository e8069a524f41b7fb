"""Situations the steps can meet, named. They know no HTTP; `app.errors` gives each its status and code."""


class Situation(Exception):
    """Base of everything a step raises on purpose."""


class UnknownProvider(Situation):
    """No rail of that name is configured here."""


class InvalidInput(Situation):
    """A value that can be read but not used. `pointer` is its place in the request (`/email`)."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.detail = detail


class ForeignReturnUrl(Situation):
    """A return URL on a host that is neither ours nor on the allow-list."""


class WeakIdempotencyKey(Situation):
    """An Idempotency-Key that somebody could guess: it protects the key that a replay shows."""


class IdempotencyMismatch(Situation):
    """The same Idempotency-Key came with another request."""


class IdempotencyInFlight(Situation):
    """The first request with this Idempotency-Key is still being worked on."""


class OrderNotFound(Situation):
    """No such order, or not one that the asker may see."""


class OrderClosed(Situation):
    """The order is paid already, or over: nothing more can be paid on it."""


class NotRenewable(Situation):
    """Cannot be renewed that way: it was never paid, was revoked, or renews by itself already."""


class NoPortal(Situation):
    """Nothing of this entitlement renews by card, so there is no billing portal to open."""


class ProviderFailed(Situation):
    """The rail gave no checkout. The order stands and can be resumed.

    `refused`: it understood and said no (an operator must mend something); else it may work later.
    """

    def __init__(self, provider: str, *, order_id: str | None, refused: bool) -> None:
        super().__init__(provider)
        self.provider = provider
        self.order_id = order_id
        self.refused = refused


class NotStored(Situation):
    """A notification could not be stored; its sender should come again."""


class EndpointNotFound(Situation):
    """No such webhook endpoint, or no such message of it."""


class EndpointDisabled(Situation):
    """Nothing is sent to a disabled webhook endpoint."""


class LinkSpent(Situation):
    """A link from a mail that is unknown, used, or too old."""
