"""What we say when the answer is no: every stable code, and the RFC 9457 document made of it. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.decision import Decision

QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"
QUOTA_TITLE = "Request cannot be satisfied as assigned quota has been exceeded"
REALM = "gateway"


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of problem: its HTTP status, its title, and what the caller can do."""

    status: int
    title: str
    advice: str = ""


KINDS: Mapping[str, Kind] = {
    "missing_key": Kind(
        401, "An API key is needed", "Send it as X-API-Key or Authorization: Bearer, never in the URL."
    ),
    "invalid_key": Kind(
        401, "This API key is not known", "Check that it was copied whole; the checksum refuses typos."
    ),
    "revoked_key": Kind(401, "This API key was revoked", "Use the key that replaced it, or buy a new one."),
    "payment_required": Kind(402, "This key is not paid yet", "Pay at order_url; the key starts to work by itself."),
    "ended": Kind(402, "The paid time is over", "Renew at order_url."),
    "suspended": Kind(402, "This key is suspended", "See order_url, or ask the operator."),
    "insufficient_scope": Kind(
        403, "This key may not do that", "Use a key that has the scope or the plan that is named."
    ),
    "rate_limited": Kind(429, QUOTA_TITLE, "Wait for Retry-After seconds; a refused request costs nothing."),
    "quota_exceeded": Kind(429, QUOTA_TITLE, "Wait for the next paid period, or take a larger plan."),
    "ambiguous_key": Kind(400, "Two different API keys were sent", "Send one of the two headers."),
    "unknown_plan": Kind(422, "There is no such plan", "GET /v1/plans lists what is for sale."),
    "unknown_provider": Kind(422, "There is no such payment rail", "GET /v1/plans lists the rails of each plan."),
    "not_on_sale": Kind(409, "This is not for sale", "Choose another plan or payment rail from GET /v1/plans."),
    "provider_unavailable": Kind(
        503, "The payment provider gave no checkout", "Repeat the request with the same Idempotency-Key."
    ),
    "foreign_return_url": Kind(
        422, "This return URL is not allowed", "The operator lists hosts in ALLOWED_RETURN_HOSTS."
    ),
    "idempotency_mismatch": Kind(422, "This Idempotency-Key was used for another request", "Use a new random UUID."),
    "idempotency_in_flight": Kind(
        409, "The first request with this Idempotency-Key is still running", "Repeat it in a moment."
    ),
    "order_closed": Kind(
        409, "Nothing more can be paid on this order", "Look at the order; open a new one if it is over."
    ),
    "not_renewable": Kind(409, "This cannot be renewed that way", "See detail."),
    "no_portal": Kind(404, "Nothing here renews by card", "There is no billing portal to open."),
    "not_rotatable": Kind(409, "Only a working key that was not rotated yet can be rotated", "Use its successor."),
    "endpoint_disabled": Kind(409, "This webhook endpoint is disabled", "Enable it first."),
    "link_spent": Kind(410, "This link does not work any more", "It was used, or is too old. Ask for a new one."),
    "not_held": Kind(409, "Nothing is held here", "Only money that came late, twice or in part has to be accepted."),
    "already_refunded": Kind(409, "Nothing is left to refund", "Look at the order's refunds."),
    "refund_in_flight": Kind(409, "A refund of this payment is under way", "Repeat that same refund in a minute."),
    "refund_refused": Kind(409, "The payment provider refused the refund", "See detail; nothing has changed."),
    "not_possible": Kind(409, "Not possible as things stand", "See detail."),
    "bad_signature": Kind(400, "The notification is not authentic", "Compare the webhook secret on both sides."),
    "not_found": Kind(404, "There is nothing here", ""),
    "invalid_request": Kind(422, "The request cannot be used as it is", "See detail and errors."),
    "unauthorized": Kind(401, "A token is needed here", "Send it as Authorization: Bearer."),
    "forbidden": Kind(403, "Not allowed", "The token is wrong, or this part is switched off."),
    "unavailable": Kind(503, "Not possible right now", "Try again in a few seconds."),
    "internal_error": Kind(500, "Something went wrong on our side", "Tell the operator the request_id."),
}


def document(
    code: str, *, base: str | None, detail: str = "", status: int | None = None, **members: Any
) -> dict[str, Any]:
    """The problem document of a code. `base`: where our pages are, None where nobody knows. Members that are None are left out."""
    kind = KINDS[code]
    status = status or kind.status
    doc_url = f"{base}/docs/errors#{code}" if base else None
    body = {
        "type": QUOTA_TYPE if status == 429 else doc_url or "about:blank",
        "title": kind.title,
        "status": status,
        "detail": detail or kind.advice or kind.title,
        "code": code,
        "doc_url": doc_url,
        **members,
    }
    return {name: value for name, value in body.items() if value is not None}


def members_of(decision: Decision) -> dict[str, Any]:
    """What a refusal by the gate says beyond its code."""
    full = list(decision.count.refused) if decision.count and not decision.count.admitted else None
    return {"order_url": decision.order_url, "violated-policies": full}


def challenge(code: str, scope: str | None) -> dict[str, str]:
    """The WWW-Authenticate header of a refusal (RFC 6750), where one belongs to it. `scope`: what the route asked for."""
    if code == "insufficient_scope":
        named = f', scope="{scope}"' if scope else ""
        return {"WWW-Authenticate": f'Bearer realm="{REALM}", error="insufficient_scope"{named}'}
    if KINDS[code].status != 401:
        return {}
    invalid = "" if code == "missing_key" else ', error="invalid_token"'
    return {"WWW-Authenticate": f'Bearer realm="{REALM}"{invalid}'}
