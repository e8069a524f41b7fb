"""Is what the provider says it sold what we froze on the checkout? PURE. What differs never grants."""

from dataclasses import dataclass

from providers.events import Money, Sold


@dataclass(frozen=True, slots=True)
class Frozen:
    """What was sold, as written down before the provider was asked."""

    order: str
    money: Money
    price: str | None
    account: str | None
    livemode: bool | None
    nonce: str | None
    discounts_allowed: bool


def mismatch(frozen: Frozen, sold: Sold) -> str | None:
    """The first difference in words for an operator; None when all that the provider shows agrees."""
    if not sold.genuine:
        return "it is not of the kind that we create"
    shown = {
        "order": (frozen.order, sold.order),
        "account": (frozen.account, sold.account),
        "mode (live)": (frozen.livemode, sold.livemode),
        "price": (frozen.price, sold.price),
        "quantity": (1, sold.quantity),
        "currency": (frozen.money.currency, sold.amount.currency if sold.amount else None),
        "amount": (frozen.money.amount, sold.amount.amount if sold.amount else None),
        "nonce": (frozen.nonce, sold.nonce),
    }
    for name, (ours, theirs) in shown.items():
        if ours is not None and theirs is not None and ours != theirs:
            return f"{name} is {theirs}, we sold {ours}"
    if sold.amount is None:
        return "the provider shows no amount"
    if sold.discounted and not frozen.discounts_allowed:
        return "it was discounted, which the offer does not allow"
    return None
