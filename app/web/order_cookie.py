"""The browser's key to an order: a cookie of that order alone. It proves who may see the page, and it holds the API key."""

import re
from dataclasses import dataclass

from flask import request
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from app.gate import Denied
from app.orders import view_order
from app.problems import OrderNotFound
from app.views import OrderView
from app.web.parts import gate_of_app, tollgate
from keystore.secret import Secret
from keystore.verdict import KeyRecord

KEPT_SECONDS = 30 * 24 * 3600
MOST_TRIED = 20  # keys of one browser, each a query
_ORDER = re.compile(r"ord_[0-9A-Za-z]{1,40}")


@dataclass(frozen=True, slots=True)
class Own:
    """An order, and the key by which this browser may see it."""

    order: OrderView
    key: Secret
    record: KeyRecord


def cookie_name(order_id: str) -> str:
    """`__Host-` binds it to this very host and to https; on plain http (loopback) browsers refuse that prefix."""
    return f"__Host-tg_{order_id}" if tollgate().settings.secure else f"tg_{order_id}"


def hand_over(response: Response, order_id: str, key: Secret) -> None:
    """Give the buyer's browser the key of its order. Lax: it has to come along when the pay page sends the buyer back."""
    response.set_cookie(
        cookie_name(order_id),
        key.reveal(),
        max_age=KEPT_SECONDS,
        path="/",
        secure=tollgate().settings.secure,
        httponly=True,
        samesite="Lax",
    )


def find_own(order_id: str) -> Own | None:
    """The order, if this browser holds a key of the same entitlement: its own, or that of an order which it renews."""
    return _first_that_opens(order_id, _keys(order_id))


def opens(order_id: str, key: Secret) -> bool:
    """Whether the key belongs to the order's entitlement."""
    return _first_that_opens(order_id, [key]) is not None


def _first_that_opens(order_id: str, keys: list[Secret]) -> Own | None:
    holders = [(key, holder) for key in keys if (holder := _find_holder(key))]
    if not holders:
        return None
    try:
        order = view_order(tollgate(), order_id)
    except OrderNotFound:
        return None
    owned = (Own(order, key, holder) for key, holder in holders if holder.entitlement == order.entitlement)
    return next(owned, None)


def _find_holder(key: Secret) -> KeyRecord | None:
    """Whose key this is; None for one that is unknown, revoked or replaced."""
    try:
        return gate_of_app().identify(Headers({"X-API-Key": key.reveal()}))
    except (Denied, ValueError):  # a header takes no line breaks
        return None


def _keys(order_id: str) -> list[Secret]:
    """What this browser holds, the order's own key first."""
    if not _ORDER.fullmatch(order_id):
        return []
    own, prefix = cookie_name(order_id), cookie_name("ord_")
    names = sorted((name for name in request.cookies if name.startswith(prefix)), key=lambda name: name != own)
    found = dict.fromkeys(request.cookies[name] for name in names)
    return [Secret(text) for text in found if text][:MOST_TRIED]
