"""A card rail that answers at once: every session it opens is paid the moment somebody looks. For measuring only ourselves."""

import json
import time
from itertools import count
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

AMOUNT, CURRENCY, PRICE = 1200, "usd", "price_bench"
SESSIONS = "/v1/checkout/sessions"
_numbers = count(1)
_sessions: dict[str, dict[str, Any]] = {}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """POST opens a session, GET shows it paid. One process, for it remembers."""
    path = environ["PATH_INFO"]
    found: dict[str, Any] | None
    if environ["REQUEST_METHOD"] == "POST" and path == SESSIONS:
        found = _open(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
    else:
        found = _sessions.get(path.rpartition("/")[2])
    body = json.dumps(found or {"error": {"code": "resource_missing", "message": "no such thing"}}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK" if found else "404 Not Found", headers)
    return [body]


def _open(form: str) -> dict[str, Any]:
    given = {name: values[0] for name, values in parse_qs(form).items()}
    number, now = next(_numbers), int(time.time())
    reference = f"cs_test_{number}"
    ours = {name: given[f"metadata[{name}]"] for name in ("tollgate_order", "tollgate_checkout")}
    charge = {
        "id": f"ch_{number}",
        "object": "charge",
        "amount": AMOUNT,
        "amount_refunded": 0,
        "created": now,
        "currency": CURRENCY,
        "disputed": False,
        "refunded": False,
        "status": "succeeded",
    }
    session = {
        "id": reference,
        "object": "checkout.session",
        "amount_subtotal": AMOUNT,
        "amount_total": AMOUNT,
        "client_reference_id": given["client_reference_id"],
        "created": now,
        "currency": CURRENCY,
        "customer": f"cus_{number}",
        "customer_details": {"email": f"buyer{number}@example.com"},
        "expires_at": int(given["expires_at"]),
        "line_items": {"object": "list", "data": [{"id": f"li_{number}", "price": {"id": PRICE}, "quantity": 1}]},
        "livemode": False,
        "metadata": ours,
        "mode": "payment",
        "payment_intent": {"id": f"pi_{number}", "object": "payment_intent", "latest_charge": charge, "metadata": ours},
        "payment_status": "paid",
        "status": "complete",
    }
    _sessions[reference] = session
    return session | {"status": "open", "payment_status": "unpaid", "url": f"http://127.0.0.1/pay/{reference}"}
