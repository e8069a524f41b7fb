"""The buttons of the Stripe test page: what can be done to a session now, done and told to the gateway."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import stripe

from sandbox import stripe_life as life
from sandbox import stripe_objects as objects
from sandbox import stripe_renewals as renewals
from sandbox.delivery import STRIPE, Letter
from sandbox.state import Json, NotNow, World

Test: TypeAlias = Callable[[World, Json], bool]


@dataclass(frozen=True, slots=True)
class Action:
    """A button: its words, what it does, and when it makes sense. `returns`: the buyer is sent back to the shop."""

    label: str
    run: Callable[[World, Json, Json], life.Events]
    when: Test
    returns: bool = False


def _open(_: World, session: Json) -> bool:
    return bool(session["status"] == "open")


def _promoted(world: World, session: Json) -> bool:
    return _open(world, session) and bool(session["allow_promotion_codes"])


def _pending(world: World, session: Json) -> bool:
    return any(charge["status"] == "pending" for charge in life.charges(world, session))


def _refundable(world: World, session: Json) -> bool:
    return any(charge["paid"] and not charge["refunded"] for charge in life.charges(world, session))


def _disputable(world: World, session: Json) -> bool:
    return _refundable(world, session) and not life.open_disputes(world, session)


def _disputed(world: World, session: Json) -> bool:
    return bool(life.open_disputes(world, session))


def _subscribed(world: World, session: Json) -> bool:
    agreement = world.objects.get(session["subscription"] or "")
    return agreement is not None and agreement["status"] in renewals.LIVE


def _cancelled(world: World, session: Json) -> bool:
    return _subscribed(world, session) and bool(world.objects[session["subscription"]]["cancel_at_period_end"])


def _past_due(world: World, session: Json) -> bool:
    return _subscribed(world, session) and world.objects[session["subscription"]]["status"] == "past_due"


def _pay_nothing(world: World, session: Json, params: Json) -> life.Events:
    return life.pay(world, session, {**params, "discount": 100})


def _refund_half(world: World, session: Json, _: Json) -> life.Events:
    return life.refund(world, session, {"amount": life.paid_charge(world, session)["amount"] // 2})


ACTIONS = {
    "pay": Action("Pay by card", life.pay, _open, returns=True),
    "three_d_secure": Action("Pay with the bank's confirmation (3-D Secure)", life.pay, _open, returns=True),
    "pay_free": Action("Pay with a code for 100 % off", _pay_nothing, _promoted, returns=True),
    "pay_later": Action("Pay with a slow method (bank debit)", life.pay_later, _open, returns=True),
    "decline": Action("Have the card declined", life.decline, _open),
    "expire": Action("Let the session expire", life.expire, _open),
    "later_succeeds": Action("The slow payment arrives", life.later_succeeds, _pending),
    "later_fails": Action("The slow payment fails", life.later_fails, _pending),
    "refund": Action("Refund in full", life.refund, _refundable),
    "refund_half": Action("Refund half", _refund_half, _refundable),
    "dispute": Action("Open a dispute", life.open_dispute, _disputable),
    "dispute_won": Action("The dispute is won", life.win_dispute, _disputed),
    "dispute_lost": Action("The dispute is lost", life.lose_dispute, _disputed),
    "renew": Action("Renew: one period later", renewals.renew, _subscribed),
    "renewal_fails": Action("Renewal is declined", renewals.renewal_fails, _subscribed),
    "renewal_recovers": Action("The overdue invoice is paid", renewals.renewal_recovers, _past_due),
    "renewal_given_up": Action("The overdue invoice is given up", renewals.give_up, _past_due),
    "cancel_at_period_end": Action("Cancel at the period's end", renewals.cancel_at_period_end, _subscribed),
    "keep": Action("Take the cancellation back", renewals.keep, _cancelled),
    "cancel_now": Action("Cancel at once", renewals.cancel_now, _subscribed),
    "change_price": Action(
        "Change the price", renewals.change_price, lambda _, __: False
    ),  # needs a parameter: API only
}


def available(world: World, session: Json) -> dict[str, Action]:
    """The buttons to show."""
    return {name: action for name, action in ACTIONS.items() if action.when(world, session)}


def perform(world: World, session: Json, name: str, params: Json) -> None:
    """Do it and post the events. Raises NotNow, also for an unknown action."""
    if name not in ACTIONS:
        raise NotNow(f"no such action; there are {', '.join(ACTIONS)}")
    tell(world, ACTIONS[name].run(world, session, params))


def tell(world: World, events: life.Events) -> None:
    """Write events down as they are now and post them."""
    written = [objects.event(world, kind, copy.deepcopy(about)) for kind, about in events]
    world.postman.post([letter(event, world.config.stripe_webhook_secret) for event in written])


def tick(world: World) -> None:
    """Expire the sessions whose time is up."""
    for session in world.of("checkout.session", status="open"):
        if session["expires_at"] <= world.now():
            tell(world, life.expire(world, session, {}))


def letter(event: Json, secret: str) -> Letter:
    """An event as Stripe posts it: indented, and signed anew at each attempt."""
    body = json.dumps(event, indent=2, ensure_ascii=False)

    def render(*, first: bool, forged: bool) -> tuple[bytes, dict[str, str]]:
        _ = first
        signature = stripe.WebhookSignature.generate_signature_header(body, "whsec_wrong" if forged else secret)
        return body.encode(), {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}

    return Letter(STRIPE, event["type"], event["data"]["object"]["id"], render)
