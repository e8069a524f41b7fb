"""The pages of a buyer: what is for sale, buy it, watch the order. Every action is a form; no script is needed."""

from uuid import uuid4

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from app import checkout, sync
from app.catalog import NotOnSale, UnknownPlan
from app.holding import view_holding
from app.problems import (
    IdempotencyInFlight,
    OrderClosed,
    OrderNotFound,
    ProviderFailed,
    UnknownProvider,
)
from app.web import order_cookie, pressed
from app.web.fields import checked_email
from app.web.home import home_of
from app.web.languages import language, remember_language
from app.web.order_status import REFRESH_SECONDS, attention_text, describe, payable_rails
from app.web.parts import tollgate
from app.web.qr import qr_code
from app.web.rails import rail
from app.web.shop import plan_name, plans_shown

site = Blueprint("pages", __name__)
site.before_request(remember_language)


@site.get("/")
def pricing() -> str:
    """Plans, each with a button for every rail."""
    return _pricing_page()


@site.post("/buy")
def buy() -> BaseResponse | tuple[str, int]:
    """Open an order, give the browser its key, go and pay."""
    email = request.form.get("email", "").strip() or None
    if email is not None:
        try:
            email = checked_email(email)
        except ValueError:
            return _pricing_page(
                problem=_("This does not look like an e-mail address. Leave it empty if you prefer.")
            ), 422
    plan, provider = request.form.get("plan", ""), request.form.get("provider", "")
    nonce = pressed.nonce()
    key = pressed.idempotency_key(nonce, plan, provider, email or "", language())
    new = checkout.NewOrder(plan=plan, provider=provider, email=email, locale=language(), idempotency_key=key)
    try:
        opened = checkout.open_order(tollgate(), new)
    except (UnknownPlan, UnknownProvider, NotOnSale):
        return _pricing_page(problem=_("This is not for sale right now. Please choose again.")), 409
    except IdempotencyInFlight:
        return _pricing_page(
            problem=_("Your order is being opened. Press the button again in a moment."), nonce=nonce
        ), 409
    except ProviderFailed as failed:
        words = _("%(rail)s payments do not answer right now. Nothing was charged.", rail=rail(failed.provider).label)
        return _pricing_page(
            problem=words, nonce=nonce, retry={"plan": plan, "provider": provider, "email": email or ""}
        ), 503
    response = redirect(opened.order.checkout_url or opened.order.order_url, 303)
    if opened.api_key:
        order_cookie.hand_over(response, opened.order.id, opened.api_key)
    return response


@site.get("/orders/<id('ord'):order_id>")
def show_order(order_id: str) -> Response:
    """The order, for the browser that bought it. Anybody's visit makes us ask about an unpaid one: it may be the buyer coming back."""
    sync.nudge(tollgate(), order_id, holder=order_cookie.find_own(order_id) is not None)
    own = order_cookie.find_own(order_id)
    if own is None:
        return make_response(render_template("order_elsewhere.html", order_id=order_id), 404)
    order, holding = own.order, view_holding(tollgate(), own.record)
    status = describe(order, holding, now=tollgate().clock())
    response = make_response(
        render_template(
            "order.html",
            order=order,
            key=own.key.reveal() if order.kind == "new" else None,
            status=status,
            attention=attention_text(order.attention) if order.attention else "",
            rails=payable_rails(tollgate(), order),
            plan=plan_name(tollgate(), order.plan),
            home=home_of(own, holding),
            rail=rail,
            qr_code=qr_code,
        )
    )
    if status.waiting:  # a header, since a meta tag that refreshes is an accessibility finding
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


@site.post("/orders/<id('ord'):order_id>/checkouts")
def other_rail(order_id: str) -> BaseResponse:
    """Pay the same order another way."""
    if order_cookie.find_own(order_id) is None:
        raise OrderNotFound(order_id)
    provider = request.form.get("provider", "")
    try:
        order = checkout.add_checkout(tollgate(), order_id, provider)
    except (OrderClosed, NotOnSale, UnknownProvider):
        flash(_("That is not possible any more. Here is how things stand."))
    except (ProviderFailed, IdempotencyInFlight):
        flash(_("%(rail)s payments do not answer right now. Nothing was charged.", rail=rail(provider).label))
    else:
        url = next((item.url for item in reversed(order.checkouts) if item.provider == provider and item.url), None)
        return redirect(url or order.order_url, 303)
    return redirect(url_for("pages.show_order", order_id=order_id), 303)


def _pricing_page(*, problem: str = "", nonce: str = "", retry: dict[str, str] | None = None) -> str:
    """Each rendering has a nonce of its own, so that a double click makes one order and a second visit another."""
    return render_template(
        "pricing.html",
        plans=plans_shown(tollgate()),
        rail=rail,
        problem=problem,
        nonce=nonce or str(uuid4()),
        retry=retry,
    )
