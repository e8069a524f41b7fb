"""Stripe's billing portal: a payer's own page, by a link made on demand."""

from sandbox import stripe_actions as actions
from sandbox import stripe_objects as objects
from sandbox.state import Json, World

BUTTONS = ("renewal_recovers", "renewal_fails", "cancel_at_period_end", "keep")


def session(world: World, payer: Json, params: Json, base: str) -> Json:
    """A portal session, as its create call answers it."""
    made = objects.new(
        world,
        "billing_portal.session",
        "bps_",
        configuration="bpc_sandbox",
        customer=payer["id"],
        customer_account=None,
        flow=None,
        locale=params.get("locale"),
        on_behalf_of=None,
        return_url=params.get("return_url"),
    )
    made["url"] = f"{base}/stripe/p/session/{made['id']}"
    return made


def subscriptions(world: World, portal: Json) -> list[tuple[Json, Json, dict[str, actions.Action]]]:
    """What the payer has subscribed to, newest first: session, subscription, and the buttons that make sense now."""
    sessions = [one for one in world.of("checkout.session", customer=portal["customer"]) if one["subscription"]]
    return [(one, world.objects[one["subscription"]], _buttons(world, one)) for one in sessions]


def _buttons(world: World, session: Json) -> dict[str, actions.Action]:
    possible = actions.available(world, session)
    return {name: possible[name] for name in BUTTONS if name in possible}
