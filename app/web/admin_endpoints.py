"""/v1/admin/webhook-endpoints: who is told of what, on the operators' blueprint and so behind its door."""

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.outgoing import endpoints, history
from app.outgoing.endpoints import EndpointChanges, EndpointView
from app.outgoing.events import EVENTS
from app.web.admin_access import actor, api
from app.web.answers import answer
from app.web.fields import Name, Time
from app.web.parts import tollgate
from keystore.secret import Secret

PLACE = "/webhook-endpoints"
ONE = f"{PLACE}/<id('whe'):endpoint_id>"
Url = Annotated[str, StringConstraints(min_length=1, max_length=endpoints.LONGEST_URL)]
Events = Annotated[list[Literal[EVENTS]], Field(max_length=len(EVENTS))]  # type: ignore[valid-type]  # pydantic takes the tuple
DeliveryId = Annotated[str, StringConstraints(pattern=r"^dlv_[0-9A-Za-z]{1,36}$")]


class EndpointPath(BaseModel):
    """An endpoint's id."""

    endpoint_id: str = Field(pattern=r"^whe_[0-9A-Za-z]+$")


class MessagePath(EndpointPath):
    """A message to an endpoint."""

    message_id: str = Field(pattern=r"^msg_[0-9A-Za-z]+$")


class DeliveriesQuery(BaseModel):
    """One page, newest first."""

    limit: int = Field(20, ge=1, le=100)
    starting_after: DeliveryId | None = None


class EndpointIn(BaseModel):
    """Where to send, and what; without `events`, everything."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url
    events: Events = []
    description: Name | None = None


class EndpointPatch(BaseModel):
    """What to change; fields that are left out stay. Enabling forgets earlier failures."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url | None = None
    events: Events | None = None
    description: Name | None = None
    status: Literal["enabled", "disabled"] | None = None


class EndpointOut(BaseModel):
    """An endpoint. `rotating_until`: messages carry a signature of the old secret too."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    url: str
    events: list[str]
    description: str | None
    status: str
    disabled_reason: str | None
    failing_since: Time | None
    rotating_until: Time | None
    created_at: Time


class EndpointWithSecret(EndpointOut):
    """`secret` verifies our signatures. It is shown this once."""

    secret: str


class EndpointList(BaseModel):
    """All of them."""

    object: str = "list"
    url: str = "/v1/admin/webhook-endpoints"
    has_more: bool = False
    data: list[EndpointOut]


class DeletedOut(BaseModel):
    """It is gone, with its log."""

    id: str
    deleted: bool = True


class DeliveryOut(BaseModel):
    """One attempt. `state` is the message's now; `next_at` its next attempt, while there is one."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    message: str
    event: str
    at: Time
    status: int | None
    error: str | None
    milliseconds: int
    state: str | None
    next_at: Time | None


class DeliveryList(BaseModel):
    """One page of attempts."""

    object: str = "list"
    url: str
    has_more: bool
    data: list[DeliveryOut]


class SentOut(BaseModel):
    """The message that will be sent in a moment."""

    message: str


@api.get(PLACE, operation_id="admin_list_webhook_endpoints", responses={200: EndpointList})
def list_endpoints() -> Response:
    """Webhook endpoints, oldest first"""
    return answer(EndpointList(data=[_out(view) for view in endpoints.list_all(tollgate())]))


@api.post(PLACE, operation_id="admin_create_webhook_endpoint", responses={201: EndpointWithSecret})
def create_endpoint(body: EndpointIn) -> Response:
    """Tell a program of what happens; the answer holds the signing secret"""
    created = endpoints.create(
        tollgate(), body.url, listens_to=tuple(body.events), description=body.description, actor=actor()
    )
    return answer(_with_secret(*created), 201)


@api.get(ONE, operation_id="admin_get_webhook_endpoint", responses={200: EndpointOut})
def get_endpoint(path: EndpointPath) -> Response:
    """One webhook endpoint"""
    return answer(_out(endpoints.get(tollgate(), path.endpoint_id)))


@api.patch(ONE, operation_id="admin_change_webhook_endpoint", responses={200: EndpointOut})
def change_endpoint(path: EndpointPath, body: EndpointPatch) -> Response:
    """Change address, events, description; disable or enable"""
    given: dict[str, Any] = body.model_dump(include=body.model_fields_set)
    given = {name: value for name, value in given.items() if value is not None or name == "description"}
    if "events" in given:
        given["events"] = tuple(given["events"])
    return answer(_out(endpoints.change(tollgate(), path.endpoint_id, EndpointChanges(**given), actor=actor())))


@api.delete(ONE, operation_id="admin_delete_webhook_endpoint", responses={200: DeletedOut})
def delete_endpoint(path: EndpointPath) -> Response:
    """Remove a webhook endpoint and its log"""
    endpoints.delete(tollgate(), path.endpoint_id, actor=actor())
    return answer(DeletedOut(id=path.endpoint_id))


@api.post(f"{ONE}/rotate", operation_id="admin_rotate_webhook_secret", responses={200: EndpointWithSecret})
def rotate_secret(path: EndpointPath) -> Response:
    """A new signing secret; for a day messages are signed with the old one too"""
    return answer(_with_secret(*endpoints.rotate(tollgate(), path.endpoint_id, actor=actor())))


@api.post(f"{ONE}/test", operation_id="admin_test_webhook_endpoint", responses={202: SentOut})
def test_endpoint(path: EndpointPath) -> Response:
    """Send a webhook.test now"""
    return answer(SentOut(message=history.test(tollgate(), path.endpoint_id, actor=actor())), 202)


@api.get(f"{ONE}/deliveries", operation_id="admin_list_webhook_deliveries", responses={200: DeliveryList})
def list_deliveries(path: EndpointPath, query: DeliveriesQuery) -> Response:
    """What was sent, attempt by attempt, newest first"""
    page = history.deliveries(tollgate(), path.endpoint_id, limit=query.limit, after=query.starting_after)
    url = f"/v1/admin{PLACE}/{path.endpoint_id}/deliveries"
    data = [DeliveryOut.model_validate(item) for item in page.data]
    return answer(DeliveryList(url=url, has_more=page.has_more, data=data))


@api.post(
    f"{ONE}/messages/<id('msg'):message_id>/resend", operation_id="admin_resend_webhook", responses={202: SentOut}
)
def resend_message(path: MessagePath) -> Response:
    """Send a message again, under its old id"""
    history.resend(tollgate(), path.endpoint_id, path.message_id, actor=actor())
    return answer(SentOut(message=path.message_id), 202)


def _out(view: EndpointView) -> EndpointOut:
    return EndpointOut.model_validate(view)


def _with_secret(view: EndpointView, secret: Secret) -> EndpointWithSecret:
    return EndpointWithSecret(**_out(view).model_dump(), secret=secret.reveal())
