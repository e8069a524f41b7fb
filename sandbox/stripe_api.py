"""Stripe's API, as far as Tollgate calls it, to be spoken to by the real SDK under `/stripe`."""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from sandbox import stripe_actions as actions
from sandbox import stripe_checkout as checkout
from sandbox import stripe_life as life
from sandbox import stripe_objects as objects
from sandbox import stripe_portal as portal
from sandbox import stripe_renewals as renewals
from sandbox import stripe_rules as rules
from sandbox.forms import decode
from sandbox.state import Json, NotNow, base_url, hold_lock, world
from sandbox.stripe_lists import expand, page, retrieve
from sandbox.stripe_rules import Refusal

stripe_api = Blueprint("stripe_api", __name__, url_prefix="/stripe/v1")
hold_lock(stripe_api)


@stripe_api.before_request
def authenticate() -> None:
    """The secret key, as a Bearer token or as the user name of Basic, and the one API version we know."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            given = ""
    if given != world().config.stripe_key:
        raise Refusal(f"Invalid API Key provided: {given[:8]}****{given[-4:]}", status=401)
    if request.headers.get("Stripe-Version", objects.API_VERSION) != objects.API_VERSION:
        raise Refusal(f"This sandbox speaks API version {objects.API_VERSION} only.")
    actions.tick(world())
    try:
        g.params = decode((request.form if request.method == "POST" else request.args).items(multi=True))
    except ValueError as error:
        raise Refusal(f"Invalid request: cannot read the parameter {error}") from None


def answer(body: Json, status: int = 200) -> Response:
    """A Stripe answer with its usual headers."""
    response = Response(json.dumps(body, indent=2, ensure_ascii=False), status, mimetype="application/json")
    response.headers["Request-Id"] = world().new_id("req_", 14)
    response.headers["Stripe-Version"] = objects.API_VERSION
    return response


@stripe_api.errorhandler(Refusal)
def refuse(error: Refusal) -> Response:
    """Stripe's error shape."""
    return answer({"error": error.error}, error.status)


@stripe_api.errorhandler(NotNow)
def refuse_now(error: NotNow) -> Response:
    """Asking for what the object's state does not allow."""
    return answer({"error": {"type": "invalid_request_error", "message": str(error)}}, 400)


@stripe_api.errorhandler(HTTPException)
def refuse_url(error: HTTPException) -> Response:
    """No such address, or not by that method."""
    message = f"Unrecognized request URL ({request.method}: {request.path})."
    return answer({"error": {"type": "invalid_request_error", "message": message}}, error.code or 404)


def once(make: Callable[[], Json]) -> Response:
    """Give the stored answer when the Idempotency-Key was used before; refuse it for another request.

    Refused requests leave no trace: the same key may be used for a corrected one.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return answer(make())
    if len(key) > 255:
        raise Refusal("The idempotency key is longer than 255 characters.", kind="idempotency_error")
    asked = (request.path, g.params)
    if key not in world().replays:
        body = make()
        world().replays[key] = (asked, 200, json.dumps(body))
        return answer(body)
    before, status, stored = world().replays[key]
    if before != asked:
        raise Refusal(
            "Keys for idempotent requests can only be used with the same parameters.", kind="idempotency_error"
        )
    replayed = answer(json.loads(stored), status)
    replayed.headers["Idempotent-Replayed"] = "true"
    return replayed


@stripe_api.post("/checkout/sessions")
def create_session() -> Response:
    """Open a session."""

    def make() -> Json:
        rules.check_session(g.params, world())
        return expand(world(), checkout.session(world(), g.params, base_url()), g.params.get("expand"))

    return once(make)


@stripe_api.post("/checkout/sessions/<session>/expire")
def expire_session(session: str) -> Response:
    """Close an open session."""

    def make() -> Json:
        rules.check(g.params, rules.GET)
        found = retrieve(world(), "checkout.session", session)
        actions.perform(world(), found, "expire", {})
        return expand(world(), found, g.params.get("expand"))

    return once(make)


@stripe_api.get("/checkout/sessions/<session>/line_items")
def line_items(session: str) -> Response:
    """What a session sells."""
    retrieve(world(), "checkout.session", session)
    url = request.path.removeprefix("/stripe")
    return answer(page(world(), world().lines[session], g.params, url=url, allowed=()))


@stripe_api.delete("/subscriptions/<agreement>")
def cancel_subscription(agreement: str) -> Response:
    """End a subscription at once. One that is over is not known here any more."""
    rules.check(g.params, rules.GET)
    found = retrieve(world(), "subscription", agreement)
    if found["status"] in renewals.OVER:
        raise Refusal(f"No such subscription: '{agreement}'", status=404, code="resource_missing", param="id")
    actions.tell(world(), renewals.end(world(), found))
    return answer(expand(world(), found, g.params.get("expand")))


@stripe_api.post("/refunds")
def create_refund() -> Response:
    """Send money back."""

    def make() -> Json:
        rules.check(g.params, rules.REFUND)
        paid = _charge_to_refund(g.params)
        if paid["refunded"]:
            raise Refusal(f"Charge {paid['id']} has already been refunded.", code="charge_already_refunded")
        if "amount" in g.params and rules.whole(g.params["amount"], "amount") < 1:
            raise Refusal("Invalid positive integer", param="amount")
        made, events = life.give_back(world(), paid, g.params)
        actions.tell(world(), events)
        return expand(world(), made, g.params.get("expand"))

    return once(make)


def _charge_to_refund(params: Json) -> Json:
    if "payment_intent" in params:
        intent = retrieve(world(), "payment_intent", params["payment_intent"])
        return retrieve(world(), "charge", intent["latest_charge"] or "")
    if "charge" not in params:
        raise Refusal("One of the following params should be provided for this request: payment_intent or charge.")
    return retrieve(world(), "charge", params["charge"])


@stripe_api.post("/billing_portal/sessions")
def create_portal_session() -> Response:
    """A link to the payer's own page."""

    def make() -> Json:
        rules.check_portal(g.params)
        payer = retrieve(world(), "customer", g.params["customer"])
        made = portal.session(world(), payer, g.params, base_url())
        return expand(world(), made, g.params.get("expand"))

    return once(make)


@stripe_api.get("/account")
def account() -> Response:
    """Whose key this is."""
    return answer(
        {"id": objects.ACCOUNT, "object": "account", "charges_enabled": True, "country": "US", "type": "standard"}
    )


@stripe_api.get("/balance")
def balance() -> Response:
    """Nothing, ever; but it tells test mode from live."""
    empty: list[Any] = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
    return answer({"object": "balance", "available": empty, "pending": empty, "livemode": False})


@stripe_api.get("/<path:address>")
def get(address: str) -> Response:
    """One stored object, or a page of them."""
    if address in objects.COLLECTIONS:
        kind = objects.COLLECTIONS[address]
        return answer(page(world(), world().of(kind), g.params, url=f"/v1/{address}", allowed=objects.FILTERS[kind]))
    collection, _, name = address.rpartition("/")
    if collection not in objects.COLLECTIONS:
        raise NotFound
    rules.check(g.params, rules.GET)
    return answer(expand(world(), retrieve(world(), objects.COLLECTIONS[collection], name), g.params.get("expand")))
