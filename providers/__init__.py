"""Payment rails. `REGISTRY` is the whole plug-in machinery: a name and what builds it."""

from collections.abc import Callable
from typing import Any, Final

from providers.base import Provider
from providers.btcpay import BTCPay
from providers.stripe import Stripe

REGISTRY: Final[dict[str, Callable[..., Provider]]] = {
    "stripe": Stripe,
    "btcpay": BTCPay,
}


def build(name: str, **settings: Any) -> Provider:
    """The rail of that name. Raises KeyError for an unknown name, ValueError for a missing or empty secret."""
    return REGISTRY[name](**settings)
