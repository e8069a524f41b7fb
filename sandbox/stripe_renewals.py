"""What happens to a subscription after its first payment. Same rules as `stripe_life`."""

from sandbox import stripe_billing as billing
from sandbox import stripe_objects as objects
from sandbox.state import Json, NotNow, World
from sandbox.stripe_life import Events, bills_of, collect

LIVE = ("trialing", "active", "past_due")
OVER = ("canceled", "incomplete_expired")


def agreement_of(world: World, session: Json) -> Json:
    """The session's subscription while it lives. Raises NotNow."""
    agreement = world.objects.get(session["subscription"] or "")
    if agreement is None or agreement["status"] not in LIVE:
        raise NotNow("there is no living subscription")
    return agreement


def renew(world: World, session: Json, _: Json) -> Events:
    """The next period begins and is paid; one that was to be cancelled at its end is over instead."""
    agreement = agreement_of(world, session)
    if agreement["cancel_at_period_end"]:
        return cancel_now(world, session, {})
    bill = _next_period(world, agreement)
    agreement["status"] = "active"
    return [("customer.subscription.updated", agreement), *collect(world, bill, status="succeeded")]


def renewal_fails(world: World, session: Json, _: Json) -> Events:
    """The next period begins, but the card is refused: past due, with the period already moved on."""
    agreement = agreement_of(world, session)
    bill = _next_period(world, agreement)
    agreement["status"] = "past_due"
    return [*collect(world, bill, status="failed"), ("customer.subscription.updated", agreement)]


def renewal_recovers(world: World, session: Json, _: Json) -> Events:
    """A later attempt collects the unpaid invoice."""
    agreement = agreement_of(world, session)
    unpaid = [bill for bill in bills_of(world, agreement["id"]) if bill["status"] == "open"]
    if not unpaid:
        raise NotNow("every invoice is paid")
    agreement["status"] = "active"
    return [*collect(world, unpaid[0], status="succeeded"), ("customer.subscription.updated", agreement)]


def give_up(world: World, session: Json, _: Json) -> Events:
    """The last attempt to collect the invoice failed, and the account leaves such subscriptions unpaid."""
    agreement = agreement_of(world, session)
    agreement["status"] = "unpaid"
    return [("customer.subscription.updated", agreement)]


def change_price(world: World, session: Json, params: Json) -> Events:
    """The buyer moves to another `price` from the next renewal on."""
    agreement = agreement_of(world, session)
    price = world.objects.get(params.get("price", ""))
    if price is None or not price.get("recurring"):
        raise NotNow("that is no recurring price")
    agreement["items"]["data"][0]["price"] = price
    return [("customer.subscription.updated", agreement)]


def cancel_at_period_end(world: World, session: Json, _: Json) -> Events:
    """The buyer will not renew."""
    agreement = agreement_of(world, session)
    ends = agreement["items"]["data"][0]["current_period_end"]
    agreement.update(cancel_at_period_end=True, cancel_at=ends, canceled_at=world.now())
    agreement["cancellation_details"]["reason"] = "cancellation_requested"
    return [("customer.subscription.updated", agreement)]


def keep(world: World, session: Json, _: Json) -> Events:
    """The buyer takes the cancellation back in time."""
    agreement = agreement_of(world, session)
    if not agreement["cancel_at_period_end"]:
        raise NotNow("nothing was cancelled")
    agreement.update(cancel_at_period_end=False, cancel_at=None, canceled_at=None)
    agreement["cancellation_details"]["reason"] = None
    return [("customer.subscription.updated", agreement)]


def cancel_now(world: World, session: Json, _: Json) -> Events:
    """The subscription is over."""
    return end(world, agreement_of(world, session))


def end(world: World, agreement: Json) -> Events:
    """The same, for whoever has it in hand."""
    agreement.update(status="canceled", canceled_at=world.now(), ended_at=world.now())
    return [("customer.subscription.deleted", agreement)]


def _next_period(world: World, agreement: Json) -> Json:
    """Move every item to its next period and write the invoice for it."""
    for item in agreement["items"]["data"]:
        start = item["current_period_end"]
        item.update(current_period_start=start, current_period_end=objects.after(start, item["price"]))
    amount = sum(item["price"]["unit_amount"] * item["quantity"] for item in agreement["items"]["data"])
    email = world.objects[agreement["customer"]]["email"] if agreement["customer"] in world.objects else None
    return billing.invoice(world, agreement, reason="subscription_cycle", amount=amount, email=email)
