"""What a buyer, a bank and time do to a Checkout Session. Each function changes the world and returns the events it causes."""

from typing import Any, TypeAlias

from sandbox import stripe_billing as billing
from sandbox import stripe_objects as objects
from sandbox.state import Json, NotNow, World

Events: TypeAlias = list[tuple[str, Json]]  # event type and the object it is about, in the order Stripe would send them

INTENT_STATUS = {"succeeded": "succeeded", "pending": "processing", "failed": "requires_payment_method"}


def pay(world: World, session: Json, params: Json) -> Events:
    """The card is charged. Optional: `email`, `discount` (percent off), `trial_days` (subscriptions)."""
    _complete(world, session, params)
    if session["mode"] == "subscription":
        agreement, bill = _subscribe(world, session, params)
        started = [("checkout.session.completed", session), ("customer.subscription.created", agreement)]
        return started + collect(world, bill, status="succeeded")
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
        return [("checkout.session.completed", session)]
    session["payment_status"] = "paid"
    return [*_charge_session(world, session, "succeeded"), ("checkout.session.completed", session)]


def pay_later(world: World, session: Json, params: Json) -> Events:
    """The buyer picked a method that takes days; nothing is paid yet."""
    _complete(world, session, params)
    if session["mode"] == "payment":
        return [*_charge_session(world, session, "pending"), ("checkout.session.completed", session)]
    agreement, bill = _subscribe(world, session, params)
    session["payment_status"] = "unpaid"
    started = [("checkout.session.completed", session), ("customer.subscription.created", agreement)]
    return started + collect(world, bill, status="pending")


def later_succeeds(world: World, session: Json, _: Json) -> Events:
    """The delayed payment arrives."""
    events = _conclude(world, session, "succeeded")
    session["payment_status"] = "paid"
    return [*events, ("checkout.session.async_payment_succeeded", session)]


def later_fails(world: World, session: Json, _: Json) -> Events:
    """The delayed payment will never arrive; a subscription falls past due."""
    events = _conclude(world, session, "failed")
    if session["subscription"]:
        agreement = world.objects[session["subscription"]]
        agreement["status"] = "past_due"
        events.append(("customer.subscription.updated", agreement))
    return [*events, ("checkout.session.async_payment_failed", session)]


def decline(world: World, session: Json, params: Json) -> Events:
    """The card is refused; the session stays open and the buyer may try again."""
    email = params.get("email") or session["customer_email"]
    metadata = world.told[session["id"]].get("payment_intent_data", {}).get("metadata", {})
    intent = _intent(world, session["amount_total"], session, metadata)
    return _charge(world, intent, "failed", email)


def expire(_: World, session: Json, __: Json) -> Events:
    """Time is up, or the merchant closed it."""
    if session["status"] != "open":
        raise NotNow(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
        )
    session.update(status="expired", url=None)
    return [("checkout.session.expired", session)]


def refund(world: World, session: Json, params: Json) -> Events:
    """Money goes back: `amount` in minor units, all that is left without it."""
    _, events = give_back(world, paid_charge(world, session), params)
    return events


def give_back(world: World, paid: Json, params: Json) -> tuple[Json, Events]:
    """Refund a charge; also what `POST /v1/refunds` does."""
    left = paid["amount"] - paid["amount_refunded"]
    amount = int(params.get("amount") or left)
    if not paid["paid"] or not 0 < amount <= left:
        raise NotNow(f"Charge {paid['id']} has {left} left to refund.")
    made = objects.refund(world, paid, amount, params)
    paid["amount_refunded"] += amount
    paid["refunded"] = paid["amount_refunded"] == paid["amount"]
    return made, [("refund.created", made), ("charge.refunded", paid)]


def open_dispute(world: World, session: Json, _: Json) -> Events:
    """The buyer's bank takes the money back until it is decided."""
    paid = paid_charge(world, session)
    made = objects.dispute(world, paid)
    paid.update(disputed=True, dispute=made["id"])
    return [("charge.dispute.created", made), ("charge.dispute.funds_withdrawn", made)]


def win_dispute(world: World, session: Json, _: Json) -> Events:
    """The bank decides for us."""
    return _decide(world, session, "won", "charge.dispute.funds_reinstated")


def lose_dispute(world: World, session: Json, _: Json) -> Events:
    """The bank decides for the buyer."""
    return _decide(world, session, "lost")


def open_disputes(world: World, session: Json) -> list[Json]:
    """Disputes of this session's charges that nobody has decided."""
    ours = {charge["id"] for charge in charges(world, session)}
    return [found for found in world.of("dispute", status="needs_response") if found["charge"] in ours]


def charges(world: World, session: Json) -> list[Json]:
    """Every charge made for the session or its subscription, newest first."""
    intents = {session["payment_intent"]}
    if session["subscription"]:
        bills = {bill["id"] for bill in bills_of(world, session["subscription"])}
        links = [link for link in world.of("invoice_payment") if link["invoice"] in bills]
        intents = {link["payment"]["payment_intent"] for link in links}
    return [charge for charge in world.of("charge") if charge["payment_intent"] in intents]


def paid_charge(world: World, session: Json) -> Json:
    """The newest charge with money left on it. Raises NotNow."""
    for charge in charges(world, session):
        if charge["paid"] and not charge["refunded"]:
            return charge
    raise NotNow("nothing has been charged")


def bills_of(world: World, agreement: str) -> list[Json]:
    """The invoices of a subscription, newest first."""
    return [bill for bill in world.of("invoice") if bill["parent"]["subscription_details"]["subscription"] == agreement]


def collect(world: World, bill: Json, *, status: str) -> Events:
    """Try to collect an invoice: succeeded | pending | failed. One over nothing is paid without a charge."""
    bill.update(attempted=True, attempt_count=bill["attempt_count"] + 1)
    if bill["total"] == 0:
        return _mark_paid(world, bill)
    intent = _intent(world, bill["total"], bill, {})
    billing.invoice_payment(world, bill, intent)
    events = _charge(world, intent, status, bill["customer_email"])
    return events + _bill_events(world, bill, status)


def _bill_events(world: World, bill: Json, status: str) -> Events:
    if status == "succeeded":
        return _mark_paid(world, bill)
    return [("invoice.payment_failed", bill)] if status == "failed" else []


def _mark_paid(world: World, bill: Json) -> Events:
    bill.update(status="paid", amount_paid=bill["total"], amount_remaining=0)
    bill["status_transitions"]["paid_at"] = world.now()
    links = world.of("invoice_payment", invoice=bill["id"])[:1]
    for link in links:
        link.update(status="paid", amount_paid=bill["total"])
        link["status_transitions"]["paid_at"] = world.now()
    return [("invoice.paid", bill), *(("invoice_payment.paid", link) for link in links)]


def _complete(world: World, session: Json, params: Json) -> None:
    if session["status"] != "open":
        raise NotNow(f"the session is {session['status']}")
    email = params.get("email") or session["customer_email"] or "buyer@example.com"
    session["customer_details"] = {"address": None, "email": email, "name": None, "phone": None, "tax_exempt": "none"}
    if not session["customer"] and (session["mode"] == "subscription" or session["customer_creation"] == "always"):
        session["customer"] = objects.customer(world, email)["id"]
    off = session["amount_subtotal"] * int(params.get("discount") or 0) // 100
    if off:
        session["discounts"] = [{"coupon": "sandbox", "promotion_code": None}]
        session["total_details"]["amount_discount"] = off
        session["amount_total"] = session["amount_subtotal"] - off
        first = world.lines[session["id"]][0]
        first.update(amount_discount=off, amount_total=first["amount_subtotal"] - off)
    session.update(status="complete", url=None)


def _subscribe(world: World, session: Json, params: Json) -> tuple[Json, Json]:
    told = world.told[session["id"]].get("subscription_data", {})
    agreement = billing.subscription(world, session, told.get("metadata") or {})
    trial = int(params.get("trial_days") or told.get("trial_period_days") or 0)
    if trial:
        ends = world.now() + trial * 86400
        agreement.update(status="trialing", trial_start=world.now(), trial_end=ends)
        agreement["items"]["data"][0]["current_period_end"] = ends
        session["amount_total"] = 0
    amount = session["amount_total"]
    email = session["customer_details"]["email"]
    bill = billing.invoice(world, agreement, reason="subscription_create", amount=amount, email=email)
    paid_status = "paid" if amount else "no_payment_required"
    session.update(subscription=agreement["id"], invoice=bill["id"], payment_status=paid_status)
    return agreement, bill


def _charge_session(world: World, session: Json, status: str) -> Events:
    metadata = world.told[session["id"]].get("payment_intent_data", {}).get("metadata") or {}
    intent = _intent(world, session["amount_total"], session, metadata)
    session["payment_intent"] = intent["id"]
    return _charge(world, intent, status, session["customer_details"]["email"])


def _intent(world: World, amount: int, owner: Json, metadata: Any) -> Json:
    return objects.payment_intent(
        world, amount=amount, currency=owner["currency"], customer=owner["customer"], metadata=dict(metadata)
    )


def _charge(world: World, intent: Json, status: str, email: str | None) -> Events:
    objects.charge(world, intent, status=status, email=email)
    return _intent_events(world, intent, status)


def _intent_events(world: World, intent: Json, status: str) -> Events:
    intent["status"] = INTENT_STATUS[status]
    intent["amount_received"] = intent["amount"] if status == "succeeded" else 0
    verb = {"succeeded": "succeeded", "pending": "processing", "failed": "payment_failed"}[status]
    return [(f"charge.{status}", world.objects[intent["latest_charge"]]), (f"payment_intent.{verb}", intent)]


def _conclude(world: World, session: Json, status: str) -> Events:
    """Decide the pending charge of a session that was to be paid later."""
    charge = next((charge for charge in charges(world, session) if charge["status"] == "pending"), None)
    if charge is None:
        raise NotNow("no payment is pending")
    paid = status == "succeeded"
    charge.update(status=status, paid=paid, captured=paid, amount_captured=charge["amount"] if paid else 0)
    events = _intent_events(world, world.objects[charge["payment_intent"]], status)
    if session["invoice"]:
        events += _bill_events(world, world.objects[session["invoice"]], status)
    return events


def _decide(world: World, session: Json, status: str, *more: str) -> Events:
    undecided = open_disputes(world, session)
    if not undecided:
        raise NotNow("there is no open dispute")
    undecided[0]["status"] = status
    return [("charge.dispute.closed", undecided[0]), *((kind, undecided[0]) for kind in more)]
