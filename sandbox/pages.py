"""The pages a person sees: two test pay pages, an index, deliveries and faults. Plain forms, no JavaScript."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from sandbox import btcpay_actions, stripe_actions, stripe_portal
from sandbox.api_faults import ApiFault
from sandbox.btcpay_life import CHAIN, Invoice
from sandbox.btcpay_objects import method_shown, shown
from sandbox.control import set_weather
from sandbox.delivery import Fault
from sandbox.state import Json, NotNow, hold_lock, world

NO_DIGITS = ("jpy", "krw")  # of the currencies a test shop is likely to use

pages = Blueprint("pages", __name__, template_folder="templates")
hold_lock(pages)


@pages.app_template_filter("money")
def money(amount: int, currency: str) -> str:
    """`1200, "usd"` as `12.00 USD`."""
    text = str(amount) if currency.lower() in NO_DIGITS else f"{amount / 100:.2f}"
    return f"{text} {currency.upper()}"


@pages.get("/")
def index() -> str:
    """What there is to pay."""
    bills = [shown(invoice) for invoice in reversed(world().invoices.values())]
    return render_template("index.html", sessions=world().of("checkout.session"), invoices=bills)


def _session(name: str) -> Json:
    return _stored(name, "checkout.session")


def _stored(name: str, kind: str) -> Json:
    found = world().objects.get(name)
    if found is None or found["object"] != kind:
        raise NotFound
    return found


@pages.get("/stripe/c/pay/<name>")
def stripe_page(name: str, problem: str = "") -> str:
    """The card page, and afterwards what can still happen to the purchase."""
    stripe_actions.tick(world())
    session = _session(name)
    return render_template(
        "stripe.html",
        session=session,
        lines=world().lines[name],
        subscription=world().objects.get(session["subscription"] or ""),
        actions=stripe_actions.available(world(), session),
        back=_success_url(session) if session["status"] == "complete" else session["cancel_url"],
        problem=problem,
    )


@pages.post("/stripe/c/pay/<name>")
def press_on_stripe(name: str) -> Response | tuple[str, int]:
    """A button was pressed; `do` says which."""
    session, action = _session(name), request.form["do"]
    try:
        stripe_actions.perform(world(), session, action, {"email": request.form.get("email")})
    except NotNow as problem:
        return stripe_page(name, problem=str(problem)), 409
    if stripe_actions.ACTIONS[action].returns:
        return redirect(_success_url(session), 303)
    return redirect(url_for(".stripe_page", name=name), 303)


def _success_url(session: Json) -> str:
    return str(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))


@pages.get("/stripe/p/session/<name>")
def portal_page(name: str, problem: str = "") -> str:
    """The payer's own page."""
    portal = _stored(name, "billing_portal.session")
    return render_template(
        "portal.html",
        subscriptions=stripe_portal.subscriptions(world(), portal),
        back=portal["return_url"],
        problem=problem,
    )


@pages.post("/stripe/p/session/<name>")
def press_on_portal(name: str) -> Response | tuple[str, int]:
    """A button was pressed: `do` says which, `session` for which subscription."""
    portal, session = _stored(name, "billing_portal.session"), _session(request.form["session"])
    action = request.form["do"]
    if session["customer"] != portal["customer"] or action not in stripe_portal.BUTTONS:
        raise NotFound
    try:
        stripe_actions.perform(world(), session, action, {})
    except NotNow as problem:
        return portal_page(name, problem=str(problem)), 409
    return redirect(url_for(".portal_page", name=name), 303)


def _invoice(name: str) -> Invoice:
    if name not in world().invoices:
        raise NotFound
    return world().invoices[name]


@pages.get("/btcpay/i/<name>")
def btcpay_page(name: str, problem: str = "") -> str:
    """The bitcoin page, and afterwards what can still happen to the invoice."""
    btcpay_actions.tick(world())
    invoice = _invoice(name)
    return render_template(
        "btcpay.html",
        invoice=shown(invoice),
        method=method_shown(invoice, CHAIN),
        payments=invoice.payments,
        actions=btcpay_actions.available(invoice),
        back=_redirect_url(invoice),
        problem=problem,
    )


@pages.post("/btcpay/i/<name>")
def press_on_btcpay(name: str) -> Response | tuple[str, int]:
    """A button was pressed; `do` says which. BTCPay sends the buyer back only where the invoice says so."""
    invoice, action = _invoice(name), request.form["do"]
    try:
        btcpay_actions.perform(world(), invoice, action, {})
    except NotNow as problem:
        return btcpay_page(name, problem=str(problem)), 409
    back = _redirect_url(invoice)
    if back and btcpay_actions.ACTIONS[action].returns and invoice.checkout["redirectAutomatically"]:
        return redirect(back, 303)
    return redirect(url_for(".btcpay_page", name=name), 303)


def _redirect_url(invoice: Invoice) -> str | None:
    url: str | None = invoice.checkout["redirectURL"]
    return url and url.replace("{InvoiceId}", invoice.id).replace("{OrderId}", str(invoice.metadata.get("orderId", "")))


@pages.get("/btcpay/pull-payments/<name>")
def pull_payment_page(name: str) -> str:
    """Where a buyer would claim a refund."""
    if name not in world().pull_payments:
        raise NotFound
    return render_template("refund.html", pull=world().pull_payments[name])


@pages.get("/deliveries")
def deliveries() -> str:
    """Webhooks sent, newest first."""
    return render_template(
        "deliveries.html", deliveries=world().postman.deliveries[::-1], target=world().postman.webhooks
    )


@pages.post("/deliveries/<int:number>")
def redeliver(number: int) -> Response:
    """The redeliver button."""
    if number >= len(world().postman.deliveries):
        raise NotFound
    world().postman.redeliver(number)
    return redirect(url_for(".deliveries"), 303)


@pages.get("/faults")
def faults() -> str:
    """What shall go wrong."""
    return render_template(
        "faults.html",
        weather=world().postman.weather,
        api=world().api_faults,
        faults=list(Fault),
        api_faults=list(ApiFault),
    )


@pages.post("/faults")
def set_faults() -> Response:
    """The faults form, one rail at a time."""
    set_weather(world(), request.form.to_dict())
    return redirect(url_for(".faults"), 303)
