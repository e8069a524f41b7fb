"""The provider contract: two duties every rail has, and small optional abilities apart from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from providers.events import CheckoutRequest, Hint, Money, Notification, OpenedCheckout, Price, RefundFact, Snapshot


class ProviderError(Exception):
    """Base of what a provider can raise. Messages are for operators; they never hold a secret."""


class NotAuthentic(ProviderError):
    """The signature is missing, wrong, too old or too young. Nothing of the body may be believed."""


class Unreadable(ProviderError):
    """Authentic, but not a notification we can read (not UTF-8, not JSON, not an object)."""


class Unavailable(ProviderError):
    """No usable answer: network, time-out, 5xx, 429, garbage. Trying again later may help.

    `definite` is True when the provider itself answered that it failed (a 5xx), so that nothing more will come of that
    very request; False when the request may still have taken effect (time-out, cut connection).
    """

    def __init__(self, message: str, *, definite: bool = False) -> None:
        super().__init__(message)
        self.definite = definite


class Refused(ProviderError):
    """The provider understood and said no (bad parameter, missing permission, wrong key). Repeating will not help."""


class Unknown(ProviderError):
    """The provider has nothing under that reference."""


def is_refusal(error: ProviderError) -> bool:
    """True when repeating will not help until an operator mends something."""
    return isinstance(error, Refused | Unknown)


class Provider(Protocol):
    """A payment rail."""

    name: str
    account: str | None  # BTCPay store id; None where one key is one account
    livemode: bool | None  # True/False when the credentials tell, None when they do not (BTCPay)

    def read(self, note: Notification) -> list[Hint]:
        """Verify, then reduce. Unknown event types give []. Pure: no network. Raises NotAuthentic, Unreadable."""

    def snapshot(self, reference: str) -> Snapshot:
        """Ask the provider about one checkout. Raises Unavailable, Refused, Unknown."""


@runtime_checkable
class OpensCheckout(Protocol):
    """Can start a payment that the buyer finishes on the provider's page."""

    def open(self, request: CheckoutRequest) -> OpenedCheckout:
        """Create it, or adopt what an earlier try of the same request created. Raises Unavailable, Refused."""

    def close(self, reference: str) -> None:
        """Expire the session or invalidate the unpaid invoice. A closed one is no error. Raises Unavailable, Refused, Unknown."""


@runtime_checkable
class FindsCheckout(Protocol):
    """Can follow a hint that names only a payment or an agreement back to a checkout's reference or our order id."""

    def find(self, hint: Hint) -> Hint:
        """The same hint with more fields filled. Asks the API. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class RefundMade:
    """A refund the provider agreed to. `link`: where the payer claims it, where the provider cannot send money back itself."""

    reference: str
    state: str  # pending | succeeded | failed
    link: str | None = None


@runtime_checkable
class Refunds(Protocol):
    """Can give a payment back, in parts too."""

    def refund(self, payment_reference: str, money: Money, *, idempotency_key: str, retry: bool = False) -> RefundMade:
        """Give so much of a payment back, once for each key. Raises Unavailable (it may have happened), Refused, Unknown.

        `retry`: an earlier try of this very refund may have reached the provider: look before asking again.
        """


@runtime_checkable
class ShowsRefund(Protocol):
    """Announces refunds that its snapshots do not show."""

    def show_refund(self, payment_reference: str, refund: str) -> RefundFact:
        """The refund that a hint named. Raises Unavailable, Refused, Unknown."""


@runtime_checkable
class CancelsAgreement(Protocol):
    """Can end a subscription, so that nobody is charged any more."""

    def cancel(self, agreement: str) -> None:
        """At once; nothing is given back. One that is over already is no error. Raises Unavailable, Refused, Unknown."""


@dataclass(frozen=True, slots=True)
class SeenPayment:
    """A payment in a provider's own list. `reference`: our checkout's, or `agreement`: its subscription.

    `order` is our own id as planted in metadata: whoever has one was sold by a Tollgate.
    """

    order: str
    money: Money
    at: datetime
    reference: str | None = None
    agreement: str | None = None


@runtime_checkable
class ListsPayments(Protocol):
    """Can list everything that was paid, for when our own books may have a gap."""

    def payments_since(self, since: datetime) -> Iterator[SeenPayment]:
        """Of checkouts and renewals made since then and a day before, read as they are used. Raises Unavailable, Refused."""


@runtime_checkable
class HasPrices(Protocol):
    """Keeps prices of its own that our catalogue points to."""

    def price(self, reference: str) -> Price:
        """Raises Unavailable, Refused, Unknown."""


@runtime_checkable
class RemembersEvents(Protocol):
    """Can list the notifications that it could not deliver."""

    def missed(self, since: datetime) -> list[Hint]:
        """As `read` would have reduced them, oldest first. Raises Unavailable, Refused."""


@runtime_checkable
class OpensPortal(Protocol):
    """Has a page of its own where a payer manages cards and subscriptions."""

    def portal(self, payer: str, return_url: str) -> str:
        """A fresh, short-lived URL for that customer id. Raises Unavailable, Refused, Unknown."""


@runtime_checkable
class ConvertsMoney(Protocol):
    """Can say what an amount is in bitcoin now."""

    def sats(self, money: Money) -> int | None:
        """Rounded up; None where the rate is not shown. Raises Unavailable, Refused."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of `tollgate doctor`. `level` is ok | warning | error; `fix` says what to do."""

    name: str
    level: str
    detail: str
    fix: str = ""


@runtime_checkable
class Diagnoses(Protocol):
    """Can say what is wrong with its settings by asking its API."""

    def diagnose(self, now: datetime) -> list[Diagnosis]:
        """Reachability, credentials, permissions, clock. Never raises."""
