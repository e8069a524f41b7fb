"""BTCPay Server's Greenfield API, as far as Tollgate calls it, under `/btcpay`."""

import json
from typing import Any

from flask import Blueprint, Response, g, request

from sandbox import btcpay_actions as actions
from sandbox import btcpay_life as life
from sandbox.btcpay_life import CHAIN, LIGHTNING, Invoice
from sandbox.btcpay_objects import CHECKOUT, Refusal, invalid, method_shown, open_invoice, shown
from sandbox.config import CREATE, MODIFY, REFUND, VIEW
from sandbox.state import Json, NotNow, base_url, hold_lock, world

VERSION = "2.4.1"
STATUSES = ("New", "Processing", "Expired", "Invalid", "Settled")
VARIANTS = ("RateThen", "CurrentRate", "OverpaidAmount", "Fiat", "Custom")

btcpay_api = Blueprint("btcpay_api", __name__, url_prefix="/btcpay/api/v1")
hold_lock(btcpay_api)


def answer(body: Any, status: int = 200) -> Response:
    """JSON as Greenfield writes it."""
    return Response(json.dumps(body, indent=2, ensure_ascii=False), status, mimetype="application/json")


@btcpay_api.errorhandler(Refusal)
def refuse(error: Refusal) -> Response:
    """Greenfield's error shapes."""
    return answer(error.body, error.status)


@btcpay_api.before_request
def prepare() -> None:
    """Read the body, and let time pass."""
    g.body = request.get_json(force=True, silent=True) if request.data else {}
    if not isinstance(g.body, dict):
        raise invalid("", "The body is not a JSON object")
    actions.tick(world())


def need(permission: str | None, store: str | None = None) -> None:
    """Refuse a wrong key, a missing permission and another store. None: any valid key will do."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() not in ("token", "bearer") or key != world().config.btcpay_key:
        raise Refusal(
            401, {"code": "unauthenticated", "message": "Authentication is required for accessing this endpoint"}
        )
    held = set(world().config.btcpay_permissions)
    held |= {VIEW, CREATE} if MODIFY in held else set()
    if permission not in {None, *held} or store not in (None, world().config.btcpay_store):
        message = f"Insufficient API Permissions. Please use an API key with permission: {permission}"
        raise Refusal(403, {"code": "missing-permission", "message": message, "missingPermission": permission})


def find(invoice: str) -> Invoice:
    """An invoice of our store, or BTCPay's 404."""
    found = world().invoices.get(invoice)
    if found is None or found.store != world().config.btcpay_store:
        raise Refusal(404, {"code": "invoice-not-found", "message": "The invoice was not found"})
    return found


@btcpay_api.get("/health")
def health() -> Response:
    """Needs no key."""
    return answer({"synchronized": True})


@btcpay_api.get("/server/info")
def server_info() -> Response:
    """Version and state of the node."""
    need(None)
    methods = [CHAIN, LIGHTNING]
    return answer(
        {"version": VERSION, "onion": None, "supportedPaymentMethods": methods, "fullySynched": True, "syncStatus": []}
    )


@btcpay_api.get("/api-keys/current")
def current_key() -> Response:
    """What the key may do."""
    need(None)
    store = world().config.btcpay_store
    permissions = [f"{permission}:{store}" for permission in world().config.btcpay_permissions]
    return answer({"apiKey": world().config.btcpay_key, "label": "sandbox", "permissions": permissions})


@btcpay_api.get("/stores")
def stores() -> Response:
    """The one store."""
    need(None)
    return answer([_store()])


@btcpay_api.get("/stores/<store>")
def one_store(store: str) -> Response:
    """Its settings."""
    need(VIEW, store)
    return answer(_store())


def _store() -> Json:
    return {
        "id": world().config.btcpay_store,
        "name": "Sandbox store",
        "website": None,
        "defaultCurrency": "USD",
        "invoiceExpiration": CHECKOUT["expirationMinutes"] * 60,
        "monitoringExpiration": CHECKOUT["monitoringMinutes"] * 60,
        "speedPolicy": CHECKOUT["speedPolicy"],
        "paymentTolerance": CHECKOUT["paymentTolerance"],
        "archived": False,
    }


@btcpay_api.post("/stores/<store>/invoices")
def create(store: str) -> Response:
    """A new invoice at every call: there is no idempotency here. Unknown fields are ignored."""
    need(CREATE, store)
    return answer(shown(open_invoice(world(), g.body, store)))


@btcpay_api.get("/stores/<store>/invoices")
def listed(store: str) -> Response:
    """Newest first; `orderId` matches metadata.orderId exactly, unknown statuses are dropped."""
    need(VIEW, store)
    orders = request.args.getlist("orderId")
    statuses = {
        status for status in STATUSES if status.lower() in {asked.lower() for asked in request.args.getlist("status")}
    }
    found = [invoice for invoice in reversed(world().invoices.values()) if invoice.store == store]
    found = [invoice for invoice in found if not orders or invoice.metadata.get("orderId") in orders]
    found = [invoice for invoice in found if not statuses or invoice.status in statuses]
    skip, take = request.args.get("skip", 0, type=int), request.args.get("take", len(found), type=int)
    return answer([shown(invoice) for invoice in found[skip : skip + take]])


@btcpay_api.get("/stores/<store>/invoices/<invoice>")
def get(store: str, invoice: str) -> Response:
    """The invoice as it is now."""
    need(VIEW, store)
    return answer(shown(find(invoice)))


@btcpay_api.get("/stores/<store>/invoices/<invoice>/payment-methods")
def payment_methods(store: str, invoice: str) -> Response:
    """What is due and paid on each rail, in bitcoin."""
    need(VIEW, store)
    found = find(invoice)
    return answer([method_shown(found, method) for method in found.checkout["paymentMethods"] or (CHAIN, LIGHTNING)])


@btcpay_api.post("/stores/<store>/invoices/<invoice>/status")
def mark(store: str, invoice: str) -> Response:
    """Settled or Invalid, by hand."""
    need(MODIFY, store)
    found = find(invoice)
    if g.body.get("status") not in ("Settled", "Invalid"):
        raise invalid("status", "Status can only be marked to invalid or settled.")
    try:
        actions.tell(world(), found, life.mark(world(), found, g.body["status"]))
    except NotNow as error:
        raise invalid("status", str(error)) from None
    return answer(shown(found))


@btcpay_api.post("/stores/<store>/invoices/<invoice>/refund")
def refund(store: str, invoice: str) -> Response:
    """A pull payment over what came in."""
    need(REFUND, store)
    found = find(invoice)
    if g.body.get("refundVariant") not in VARIANTS:
        raise invalid("refundVariant", "`refundVariant` is mandatory")
    try:
        made, events = life.refund(world(), found, g.body, base_url())
    except NotNow as error:
        raise Refusal(400, {"code": "non-refundable", "message": str(error)}) from None
    actions.tell(world(), found, events)
    return answer(made)


@btcpay_api.get("/pull-payments/<name>")
def pull_payment(name: str) -> Response:
    """Public, as on the real server."""
    if name not in world().pull_payments:
        raise Refusal(404, {"code": "pullpayment-not-found", "message": "The pull payment was not found"})
    return answer(world().pull_payments[name])
