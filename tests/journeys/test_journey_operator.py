"""What an operator does about a card that goes on paying, over HTTP and at the imitated Stripe."""

from journey_values import SECRETS

ADMIN = {"Authorization": f"Bearer {SECRETS['admin_token']}"}


def subscription(shop, bought):
    """The subscription of a session as Stripe has it."""
    world = shop.sandbox.world
    return world.objects[world.objects[bought.reference]["subscription"]]


def operate(shop, bought, what, body):
    answer = shop.http.post(f"{shop.url}/v1/admin/orders/{bought.id}/{what}", json=body, headers=ADMIN, timeout=30)
    shop.control("/drain")
    return answer


def test_a_subscription_is_ended_at_stripe_and_runs_out_here(shop):
    bought = shop.buy("pro")
    shop.act(bought, "pay")
    assert operate(shop, bought, "cancel-subscription", {"reason": "asked by mail"}).status_code == 200
    assert (subscription(shop, bought)["status"], shop.gate(bought)) == ("canceled", "allowed")


def test_a_subscription_that_stripe_left_unpaid_is_ended_too(shop):
    bought = shop.buy("pro")
    shop.act(bought, "pay", "renewal_fails", "renewal_given_up")
    assert operate(shop, bought, "cancel-subscription", {"reason": "asked by mail"}).status_code == 200
    assert subscription(shop, bought)["status"] == "canceled"


def test_a_refund_ends_the_subscription_with_it(shop):
    bought = shop.buy("pro")
    shop.act(bought, "pay")
    assert operate(shop, bought, "refund", {"cancel_subscription": True}).status_code == 201
    assert (subscription(shop, bought)["status"], shop.gate(bought)) == ("canceled", "ended")


def test_ending_it_again_is_no_error(shop):
    bought = shop.buy("pro")
    shop.act(bought, "pay", "cancel_now")
    assert operate(shop, bought, "cancel-subscription", {"reason": "to be sure"}).status_code == 200
