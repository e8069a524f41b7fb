"""What a buyer wants to know about a payment rail: its name, what it costs on top, how long it takes."""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class Rail:
    """Words for people, in the reader's language."""

    label: Any
    pay: Any  # the button
    fees: Any
    waiting: Any


RAILS = {
    "stripe": Rail(
        _("Card"),
        _("Pay by card"),
        _("No fee on top."),
        _("Your key works within seconds of the payment."),
    ),
    "btcpay": Rail(
        _("Bitcoin"),
        _("Pay with bitcoin"),
        _("You pay the network's fee: next to nothing by Lightning, more on-chain."),
        _("Seconds by Lightning; on-chain after a confirmation, usually 10 to 60 minutes."),
    ),
}


def rail(name: str) -> Rail:
    """The words for a provider; its bare name where we have none."""
    return RAILS.get(name) or Rail(name, name, "", "")
