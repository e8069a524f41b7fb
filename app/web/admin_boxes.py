"""/v1/admin/receipts and /v1/admin/parcels: what came in and what went out, and doing it again."""

from typing import Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from app.operators import parcels, receipts
from app.operators.receipts import ReceiptFilter
from app.web.admin_access import Moment, Paging, Reference, actor, api
from app.web.answers import answer
from app.web.fields import Slug, Time
from app.web.parts import tollgate

RECEIPT = Literal["due", "applied", "ignored", "parked"]


class ReceiptPath(BaseModel):
    """A receipt's id."""

    receipt_id: str = Field(pattern=r"^rcp_[0-9A-Za-z]+$")


class ParcelPath(BaseModel):
    """A parcel's id."""

    parcel_id: str = Field(pattern=r"^par_[0-9A-Za-z]+$")


class ReceiptQuery(Paging):
    """Which receipts."""

    state: RECEIPT | None = None
    provider: Slug | None = None
    reference: Reference | None = None
    since: Moment | None = None


class ReplayIn(BaseModel):
    """Which receipts to work on again. `dry_run`: only say how many. Name at least a state or a moment."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: RECEIPT | None = None
    provider: Slug | None = None
    since: Moment | None = None
    dry_run: bool = False


class ReceiptOut(BaseModel):
    """A notification we hold."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    provider: str
    event_id: str
    kind: str
    reference: str | None
    agreement: str | None
    state: str
    attempts: int
    due_at: Time
    received_at: Time
    applied_at: Time | None
    checkout: str | None
    error: str | None


class ReceiptFileOut(ReceiptOut):
    """The same with what was sent, without names and e-mails."""

    body: str


class ReceiptList(BaseModel):
    """One page of receipts."""

    object: str = "list"
    url: str = "/v1/admin/receipts"
    has_more: bool
    data: list[ReceiptOut]


class ReplayedOut(BaseModel):
    """How many match, and how many the worker will look at again (not those that somebody works on)."""

    matched: int
    due: int


class ParcelQuery(Paging):
    """Which parcels."""

    state: Literal["due", "sent", "parked", "forgotten"] | None = None
    kind: Slug | None = None


class ParcelOut(BaseModel):
    """Something that has to be sent."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    dedupe: str
    state: str
    attempts: int
    due_at: Time
    created_at: Time
    sent_at: Time | None
    error: str | None


class ParcelList(BaseModel):
    """One page of parcels."""

    object: str = "list"
    url: str = "/v1/admin/parcels"
    has_more: bool
    data: list[ParcelOut]


@api.get("/receipts", operation_id="admin_list_receipts", responses={200: ReceiptList})
def list_receipts(query: ReceiptQuery) -> Response:
    """Receipts, newest first"""
    only = ReceiptFilter(**query.model_dump(exclude={"limit", "starting_after"}))
    page = receipts.list_page(tollgate(), only, limit=query.limit, after=query.starting_after)
    return answer(ReceiptList(has_more=page.has_more, data=[ReceiptOut.model_validate(view) for view in page.data]))


@api.get("/receipts/<id('rcp'):receipt_id>", operation_id="admin_get_receipt", responses={200: ReceiptFileOut})
def get_receipt(path: ReceiptPath) -> Response:
    """One receipt with what was sent"""
    return answer(ReceiptFileOut.model_validate(receipts.get(tollgate(), path.receipt_id)))


@api.post(
    "/receipts/<id('rcp'):receipt_id>/replay", operation_id="admin_replay_receipt", responses={200: ReceiptFileOut}
)
def replay_receipt(path: ReceiptPath) -> Response:
    """Work on one again, now. Applying it twice changes nothing"""
    receipts.replay(tollgate(), path.receipt_id, actor=actor())
    return answer(ReceiptFileOut.model_validate(receipts.get(tollgate(), path.receipt_id)))


@api.post("/receipts/replay", operation_id="admin_replay_receipts", responses={200: ReplayedOut})
def replay_receipts(body: ReplayIn) -> Response:
    """Have the worker look at many again"""
    only = ReceiptFilter(body.state, body.provider, None, body.since)
    found = receipts.find_range(tollgate(), only)
    due = () if body.dry_run else receipts.make_due(tollgate(), found, actor=actor())
    return answer(ReplayedOut(matched=len(found), due=len(due)))


@api.get("/parcels", operation_id="admin_list_parcels", responses={200: ParcelList})
def list_parcels(query: ParcelQuery) -> Response:
    """Parcels, newest first"""
    page = parcels.list_page(
        tollgate(), limit=query.limit, after=query.starting_after, state=query.state, kind=query.kind
    )
    return answer(ParcelList(has_more=page.has_more, data=[ParcelOut.model_validate(view) for view in page.data]))


@api.post("/parcels/<id('par'):parcel_id>/resend", operation_id="admin_resend_parcel", responses={200: ParcelOut})
def resend_parcel(path: ParcelPath) -> Response:
    """Have the worker send it again"""
    return answer(ParcelOut.model_validate(parcels.resend(tollgate(), path.parcel_id, actor=actor())))
