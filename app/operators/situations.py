"""What can stand in an operator's way, named. `app.errors` gives each its status and code."""

from app.problems import Situation


class NotThere(Situation):
    """There is nothing under that id."""


class NotHeld(Situation):
    """A payment that is not held: it counts already, was refunded, or never came."""


class AlreadyRefunded(Situation):
    """Nothing is left of this payment to give back."""


class RefundInFlight(Situation):
    """Another refund of this payment is under way, or nobody knows yet how it ended: repeat that same refund."""


class RefundRefused(Situation):
    """The payment provider refused the refund. Nothing has changed."""


class NotPossible(Situation):
    """What was asked cannot be done as things stand."""
