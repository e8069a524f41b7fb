"""What steps answer to the edges: frozen values that web and cli turn into JSON, pages and tables. No rows leave a step."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from keystore.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """One attempt to pay. `amount` in minor units of `currency`."""

    id: str
    provider: str
    state: str
    url: str | None
    amount: int
    currency: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as its buyer may see it. The current checkout's fields stand at the top; all of them are in `checkouts`."""

    id: str
    kind: str
    status: str
    plan: str
    provider: str
    amount: int
    currency: str
    amount_due: int  # what is still to be paid, 0 once paid
    checkout_url: str | None
    expires_at: datetime
    order_url: str
    attention: str | None
    created_at: datetime
    paid_at: datetime | None
    entitlement: str
    key_id: str | None
    email: str | None
    checkouts: tuple[CheckoutView, ...]


@dataclass(frozen=True, slots=True)
class OpenedOrder:
    """The answer to an order: the view and, there and then, the key. `api_key` is None when a replay may no longer show it."""

    order: OrderView
    api_key: Secret | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key somebody just received, and the one it replaces."""

    key_id: str
    api_key: Secret
    previous_id: str | None = None
    previous_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as operators see it. Never the secret."""

    id: str
    status: str  # pending | active | suspended | ended | revoked | expired
    plan: str
    entitlement: str
    order: str | None
    email: str | None
    name: str | None
    scopes: tuple[str, ...]
    hint: str
    limits: dict[str, int] | None
    ends_at: datetime | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, newest first; the last item's id is the cursor to the next."""

    data: tuple[T, ...]
    has_more: bool
