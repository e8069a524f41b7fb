"""/v1/admin/entitlements: more time, a pause, the end; each with its reason, on the ledger."""

from typing import Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from app import recovery
from app.operators import entitlements
from app.operators.entitlements import EntitlementView
from app.web.admin_access import Moment, Paging, Reason, actor, api
from app.web.answers import answer
from app.web.fields import Slug, Time
from app.web.keys import Previous, RotateIn
from app.web.parts import tollgate

DAY = 86_400


class EntitlementPath(BaseModel):
    """An entitlement's id."""

    entitlement_id: str = Field(pattern=r"^ent_[0-9A-Za-z]+$")


class EntitlementQuery(Paging):
    """Which entitlements."""

    status: Literal["pending", "active", "suspended", "ended", "revoked"] | None = None
    plan: Slug | None = None


class ReasonIn(BaseModel):
    """Why; it stands in the ledger and in the audit log."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Reason


class ExtendIn(ReasonIn):
    """How much more: one of `seconds`, `days`, `until`."""

    seconds: int | None = Field(None, ge=1, le=36_500 * DAY)
    days: int | None = Field(None, ge=1, le=36_500)
    until: Moment | None = None


class EntitlementOut(BaseModel):
    """The right to use a plan. `ends_at` null while active: for ever."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    status: str
    plan: str
    order: str | None
    email: str | None
    limits: dict[str, int] | None
    starts_at: Time | None
    ends_at: Time | None
    grace_ends_at: Time | None
    created_at: Time


class DecidedOut(BaseModel):
    """One decision of an operator."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    seconds: int | None
    plan: str | None
    payment: str | None
    reason: str | None
    actor: str
    at: Time


class EntitlementFileOut(EntitlementOut):
    """The same with every decision, oldest first."""

    decisions: list[DecidedOut]


class EntitlementList(BaseModel):
    """One page of entitlements."""

    object: str = "list"
    url: str = "/v1/admin/entitlements"
    has_more: bool
    data: list[EntitlementOut]


class ReissuedOut(BaseModel):
    """A new key, shown this once. `previous`: one it replaces, if any worked."""

    key_id: str
    api_key: str
    previous: Previous | None


@api.get("/entitlements", operation_id="admin_list_entitlements", responses={200: EntitlementList})
def list_entitlements(query: EntitlementQuery) -> Response:
    """Entitlements, newest first"""
    page = entitlements.list_page(
        tollgate(), limit=query.limit, after=query.starting_after, status=query.status, plan=query.plan
    )
    data = [EntitlementOut.model_validate(view) for view in page.data]
    return answer(EntitlementList(has_more=page.has_more, data=data))


@api.get(
    "/entitlements/<id('ent'):entitlement_id>",
    operation_id="admin_get_entitlement",
    responses={200: EntitlementFileOut},
)
def get_entitlement(path: EntitlementPath) -> Response:
    """One entitlement with what operators decided about it"""
    return _file(entitlements.get(tollgate(), path.entitlement_id))


@api.post(
    "/entitlements/<id('ent'):entitlement_id>/extend",
    operation_id="admin_extend_entitlement",
    responses={200: EntitlementFileOut},
)
def extend_entitlement(path: EntitlementPath, body: ExtendIn) -> Response:
    """More time, after what is there"""
    seconds = body.seconds if body.days is None else (body.seconds or 0) + body.days * DAY
    return _file(
        entitlements.extend(
            tollgate(), path.entitlement_id, seconds=seconds, until=body.until, reason=body.reason, actor=actor()
        )
    )


@api.post(
    "/entitlements/<id('ent'):entitlement_id>/suspend",
    operation_id="admin_suspend_entitlement",
    responses={200: EntitlementFileOut},
)
def suspend_entitlement(path: EntitlementPath, body: ReasonIn) -> Response:
    """Stop its keys at once, until it is restored"""
    return _file(entitlements.suspend(tollgate(), path.entitlement_id, reason=body.reason, actor=actor()))


@api.post(
    "/entitlements/<id('ent'):entitlement_id>/restore",
    operation_id="admin_restore_entitlement",
    responses={200: EntitlementFileOut},
)
def restore_entitlement(path: EntitlementPath, body: ReasonIn) -> Response:
    """Undo a suspension or a revocation by an operator"""
    return _file(entitlements.restore(tollgate(), path.entitlement_id, reason=body.reason, actor=actor()))


@api.post(
    "/entitlements/<id('ent'):entitlement_id>/reissue",
    operation_id="admin_reissue_key",
    responses={201: ReissuedOut},
)
def reissue_key(path: EntitlementPath, body: RotateIn) -> Response:
    """A new key for somebody who lost theirs and cannot be mailed; the old ones work until their grace is over"""
    new = recovery.reissue(tollgate(), path.entitlement_id, actor=actor(), grace_seconds=body.grace_seconds)
    old = new.previous_id and new.previous_ends_at and Previous(key_id=new.previous_id, ends_at=new.previous_ends_at)
    return answer(ReissuedOut(key_id=new.key_id, api_key=new.api_key.reveal(), previous=old or None), 201)


@api.post(
    "/entitlements/<id('ent'):entitlement_id>/revoke",
    operation_id="admin_revoke_entitlement",
    responses={200: EntitlementFileOut},
)
def revoke_entitlement(path: EntitlementPath, body: ReasonIn) -> Response:
    """End it, whatever is paid"""
    return _file(entitlements.revoke(tollgate(), path.entitlement_id, reason=body.reason, actor=actor()))


def _file(view: EntitlementView) -> Response:
    return answer(EntitlementFileOut.model_validate(view))
