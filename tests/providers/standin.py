"""A lean server at the wire: it answers what a test told it to and 404 to everything else, and keeps what it was sent."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stripe
from requests import PreparedRequest

from providers import signing
from providers.events import Notification

FIXTURES = Path(__file__).parents[1] / "fixtures"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STRIPE_URL = "https://stripe.test"
BTCPAY_URL = "https://btcpay.test"
WHSEC, WHSEC_OLD = "whsec_new", "whsec_old"
BTCPAY_SECRET, BTCPAY_SECRET_OLD = "btcpay-new", "btcpay-old"


def fixture(path: str, **changes: Any) -> Any:
    """A stored payload; top-level fields replaced by `changes`."""
    found = json.loads((FIXTURES / f"{path}.json").read_text())
    return {**found, **changes} if changes else found


def note(body: bytes, headers: dict[str, str]) -> Notification:
    return Notification(body=body, headers=headers, received_at=NOW)


def from_stripe(event: Any, *, secret: str = WHSEC, at: datetime = NOW) -> Notification:
    """Signed by the SDK itself; `event` is a dict, or text as it is."""
    text = event if isinstance(event, str) else json.dumps(event, indent=2)
    header = stripe.WebhookSignature.generate_signature_header(text, secret, int(at.timestamp()))
    return note(text.encode(), {"stripe-signature": header})


def from_btcpay(event: Any, *, secret: str = BTCPAY_SECRET) -> Notification:
    body = event if isinstance(event, bytes) else json.dumps(event, indent=2, ensure_ascii=False).encode()
    return note(body, {"btcpay-sig": "sha256=" + signing.sign(secret, body)})


class StandIn:
    """`answers["GET /path"]` is a JSON object, or (status, JSON), or an exception to raise, or a list of those to use up in turn."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.sent: list[PreparedRequest] = []

    def __call__(self, request: PreparedRequest) -> Any:
        self.sent.append(request)
        path = (request.path_url or "").partition("?")[0]
        answer = self.answers.get(
            f"{request.method} {path}", (404, {"error": {"code": "resource_missing", "message": "No such thing"}})
        )
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            return answer
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return status, {"Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, body if isinstance(body, str) else json.dumps(body)

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {(request.path_url or '').partition('?')[0]}" for request in self.sent]


def page(*items: Any) -> dict[str, Any]:
    """One page of a Stripe list."""
    return {"object": "list", "data": list(items), "has_more": False, "url": "/v1/things"}
