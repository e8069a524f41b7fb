"""What a holder does on the page of an order: renew, manage the card, show the key that opens it. Forms only."""

from collections.abc import Mapping
from dataclasses import replace

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import renewals
from app.catalog import NotOnSale, UnknownPlan
from app.checkout import NewOrder
from app.problems import (
    IdempotencyInFlight,
    NoPortal,
    NotRenewable,
    OrderNotFound,
    ProviderFailed,
    UnknownProvider,
)
from app.web import order_cookie, pressed
from app.web.holders import ACCOUNT
from app.web.languages import language, remember_language
from app.web.order_cookie import Own
from app.web.parts import tollgate
from app.web.rails import rail
from app.web.shop import plan_name
from keystore.secret import Secret
from providers.base import ConvertsMoney

site = Blueprint("renewing", __name__)
site.before_request(remember_language)


@site.get("/orders/<id('ord'):order_id>/renewal")
def review(order_id: str) -> Response:
    """What a renewal would cost and bring, before anything is made."""
    return _review(_own(order_id), request.args, nonce=pressed.nonce())


@site.post("/orders/<id('ord'):order_id>/renewals")
def renew(order_id: str) -> Response:
    """Open the renewal, let this browser see it, go and pay."""
    own, nonce, new = _own(order_id), pressed.nonce(), _wanted(request.form)
    key = pressed.idempotency_key(nonce, own.record.entitlement, new.plan, new.provider, language())
    try:
        order = renewals.open_renewal(tollgate(), own.record, replace(new, idempotency_key=key))
    except (ProviderFailed, IdempotencyInFlight) as error:  # the same nonce again goes on with the same order
        return _review(own, request.form, nonce=nonce, problem=_words(error))
    except (UnknownPlan, UnknownProvider, NotOnSale, NotRenewable) as error:
        return _back(order_id, error)
    response = redirect(order.checkout_url or order.order_url, 303)
    order_cookie.hand_over(response, order.id, own.key)
    return response


@site.post("/orders/<id('ord'):order_id>/portal")
def manage_card(order_id: str) -> Response:
    """A fresh link each time: it lives for minutes and is for this payer only."""
    own = _own(order_id)
    try:
        return redirect(renewals.portal(tollgate(), own.record.entitlement), 303)
    except (NoPortal, ProviderFailed) as error:
        return _back(order_id, error)


@site.post("/orders/<id('ord'):order_id>/key")
def bring_key(order_id: str) -> Response:
    """Open the order in another browser than the one that bought. A wrong key and a wrong order look the same."""
    key = Secret(request.form.get("api_key", "").strip())
    response = redirect(url_for("pages.show_order", order_id=order_id), 303)
    if order_cookie.opens(order_id, key):
        order_cookie.hand_over(response, order_id, key)
    else:
        flash(_("This key does not open that order."))
    return response


def _review(own: Own, asked: Mapping[str, str], *, nonce: str, problem: str = "") -> Response:
    new = _wanted(asked)
    try:
        shown = renewals.preview(tollgate(), own.record, new)
    except (UnknownPlan, UnknownProvider, NotOnSale, NotRenewable, ProviderFailed) as error:
        return _back(own.order.id, error)
    page = render_template(
        "renew.html",
        order=own.order,
        shown=shown,
        plan=plan_name(tollgate(), shown.plan),
        current=plan_name(tollgate(), own.record.plan),
        later=shown.starts_at > tollgate().clock(),
        sats=shown.sats if isinstance(tollgate().providers[shown.provider], ConvertsMoney) else None,
        rail=rail(shown.provider),
        nonce=nonce,
        problem=problem,
    )
    return make_response(page, 503 if problem else 200)


def _wanted(asked: Mapping[str, str]) -> NewOrder:
    return NewOrder(plan=asked.get("plan", ""), provider=asked.get("provider", ""), locale=language())


def _own(order_id: str) -> Own:
    """Raises OrderNotFound, also for a key that may call the API but not act for the account."""
    own = order_cookie.find_own(order_id)
    if own is None or ACCOUNT not in own.record.scopes:
        raise OrderNotFound(order_id)
    return own


def _back(order_id: str, error: Exception) -> Response:
    flash(_words(error))
    return redirect(url_for("pages.show_order", order_id=order_id), 303)


def _words(error: Exception) -> str:
    """Why it is not possible, for the holder."""
    if isinstance(error, ProviderFailed):
        return str(
            _("%(rail)s payments do not answer right now. Nothing was charged.", rail=rail(error.provider).label)
        )
    if isinstance(error, IdempotencyInFlight):
        return str(_("Your order is being opened. Press the button again in a moment."))
    if isinstance(error, NoPortal):
        return str(_("Nothing renews by card here, so there is no card to manage."))
    if isinstance(error, NotRenewable):
        return str(_("This cannot be renewed that way: it was not paid yet, was revoked, or renews by card already."))
    return str(_("This is not for sale right now. Please choose again."))
