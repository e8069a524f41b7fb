"""POST /v1/webhooks/{provider}: where the rails tell us to look again. 400 for what is not authentic, 503 when we could not store."""

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from app import ingest
from app.errors import invalid, problem
from app.problems import UnknownProvider
from app.web.answers import answer, problems
from app.web.parts import tollgate
from app.web.reading import WEBHOOK_BODY
from providers.base import Unreadable
from providers.events import Notification

api = APIBlueprint("webhooks", __name__, url_prefix="/v1", abp_tags=[Tag(name="Providers")], abp_responses=problems())
BODY = {
    "description": "The provider's own bytes, signed by it",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


class WebhookPath(BaseModel):
    """Who is calling."""

    provider: str = Field(pattern=r"^[a-z]{1,20}$")


class ReceivedOut(BaseModel):
    """We hold it: nothing will be lost. `state`: applied | due | ignored | parked | duplicate."""

    received: bool = True
    state: str


@api.post("/webhooks/<name:provider>", operation_id="receive_webhook", request_body=BODY, responses={200: ReceivedOut})
def receive_webhook(path: WebhookPath) -> Response:
    """A notification of a payment provider"""
    request.max_content_length = WEBHOOK_BODY
    body = request.get_data()
    headers = {name.lower(): value for name, value in request.headers.items()}
    note = Notification(body=body, headers=headers, received_at=tollgate().clock())
    try:
        return answer(ReceivedOut(state=ingest.receive(tollgate(), path.provider, note).state))
    except UnknownProvider:
        return problem("unknown_provider", status=404)
    except Unreadable:
        return invalid([("/", "the body is not a notification")], status=400)
