"""/v1/admin/plans, /audit and /report: what is for sale, who did what, and what came of it."""

from http import HTTPStatus
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from app.operators import plans, report, sheets, trail
from app.operators.trail import AuditFilter
from app.web.admin_access import Moment, Paging, Reference, actor, api
from app.web.answers import answer
from app.web.fields import Slug, Time
from app.web.parts import tollgate

CSV: dict[str | int | HTTPStatus, Any] = {
    "200": {"description": "CSV", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


class PlanPath(BaseModel):
    """A plan's slug."""

    slug: Slug


class SwitchIn(BaseModel):
    """Off sale at once, or back to what the catalogue says; at one provider or at all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    on_sale: bool
    provider: Slug | None = None


class OfferStateOut(BaseModel):
    """An offer. `off_by`: `catalogue`, or the operator who took it off."""

    model_config = ConfigDict(from_attributes=True)

    provider: str
    on_sale: bool
    off_by: str | None


class PlanStateOut(BaseModel):
    """A plan of the catalogue, and whether it can be bought."""

    model_config = ConfigDict(from_attributes=True)

    slug: str
    name: str
    on_sale: bool
    offers: list[OfferStateOut]


class PlanStates(BaseModel):
    """Every plan."""

    object: str = "list"
    url: str = "/v1/admin/plans"
    has_more: bool = False
    data: list[PlanStateOut]


class Span(BaseModel):
    """From `since` on, up to but not including `until`."""

    since: Moment | None = None
    until: Moment | None = None


class AuditOf(Span):
    """Which entries."""

    actor: Reference | None = None
    action: Reference | None = None
    target: Reference | None = None


class AuditQuery(Paging, AuditOf):
    """Which entries, page by page."""


class AuditOut(BaseModel):
    """Who did what, before and after."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    at: Time
    actor: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None


class AuditList(BaseModel):
    """One page of the audit log."""

    object: str = "list"
    url: str = "/v1/admin/audit"
    has_more: bool
    data: list[AuditOut]


class LineOut(BaseModel):
    """One month (UTC), rail, plan and currency; amounts in minor units, `sats` what came as bitcoin."""

    model_config = ConfigDict(from_attributes=True)

    month: str
    provider: str
    plan: str
    currency: str
    payments: int
    amount: int = Field(description="All that came; money lost in disputes left out")
    held: int = Field(description="The part of it that waits for an operator")
    refunds: int
    refunded: int
    net: int
    sats: int


class ReportOut(BaseModel):
    """The money by month."""

    data: list[LineOut]


@api.get("/plans", operation_id="admin_list_plans", responses={200: PlanStates})
def list_plan_states() -> Response:
    """Every plan, and whether it is on sale"""
    return answer(PlanStates(data=[PlanStateOut.model_validate(state) for state in plans.list_all(tollgate())]))


@api.post("/plans/<string:slug>", operation_id="admin_switch_plan", responses={200: PlanStateOut})
def switch_plan(path: PlanPath, body: SwitchIn) -> Response:
    """Take a plan off sale, or put it back, without a restart"""
    state = plans.switch(tollgate(), path.slug, on_sale=body.on_sale, provider=body.provider, actor=actor())
    return answer(PlanStateOut.model_validate(state))


@api.get("/audit", operation_id="admin_list_audit", responses={200: AuditList})
def list_audit(query: AuditQuery) -> Response:
    """The audit log, newest first"""
    only = AuditFilter(**query.model_dump(exclude={"limit", "starting_after"}))
    page = trail.list_page(tollgate(), only, limit=query.limit, after=query.starting_after)
    return answer(AuditList(has_more=page.has_more, data=[AuditOut.model_validate(view) for view in page.data]))


@api.get("/audit.csv", operation_id="admin_export_audit", responses=CSV)
def export_audit(query: AuditOf) -> Response:
    """The audit log as CSV, oldest first"""
    return _csv("audit", sheets.audit(trail.every(tollgate(), AuditFilter(**query.model_dump()))))


@api.get("/report", operation_id="admin_report", responses={200: ReportOut})
def show_report(query: Span) -> Response:
    """The money by month, rail, plan and currency"""
    lines = report.money(tollgate(), since=query.since, until=query.until)
    return answer(ReportOut(data=[LineOut.model_validate(line) for line in lines]))


@api.get("/report.csv", operation_id="admin_export_report", responses=CSV)
def export_report(query: Span) -> Response:
    """The same as CSV"""
    return _csv("report", sheets.money(report.money(tollgate(), since=query.since, until=query.until)))


def _csv(name: str, lines: Any) -> Response:
    response = Response(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="tollgate-{name}.csv"'
    return response
