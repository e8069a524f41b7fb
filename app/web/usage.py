"""/v1/usage: what the limits of a key leave, and what its keys did day by day."""

from datetime import date

from flask import Response
from pydantic import BaseModel, ConfigDict

from app.usage_report import report
from app.web.answers import answer
from app.web.holders import ACCOUNT, held, holder
from app.web.keys import KEYS, LimitOut, QuotaOut
from app.web.parts import tollgate


class DayOut(BaseModel):
    """One day, UTC. `refused`: by a limit; both count a request as often as it costs."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    requests: int
    refused: int


class KeyUsageOut(BaseModel):
    """One key. Days without use are left out."""

    model_config = ConfigDict(from_attributes=True)

    key_id: str
    name: str | None
    hint: str
    days: list[DayOut]


class UsageOut(BaseModel):
    """Limits are of this moment and shared by all keys; days are a few seconds behind."""

    entitlement: str
    plan: str
    limits: list[LimitOut]
    quota: QuotaOut | None
    keys: list[KeyUsageOut]


@held.get("/usage", operation_id="usage", tags=[KEYS], responses={200: UsageOut})
def show_usage() -> Response:
    """What is left of every limit, and the last 30 days of the calling key; with scope `account`, of all keys beside it"""
    record = holder()
    told = report(tollgate(), record, only=None if ACCOUNT in record.scopes else record.key_id)
    return answer(
        UsageOut(
            entitlement=record.entitlement,
            plan=record.plan,
            limits=[LimitOut.model_validate(item) for item in told.count.allowances] if told.count else [],
            quota=QuotaOut.model_validate(told.count.quota) if told.count and told.count.quota else None,
            keys=[KeyUsageOut.model_validate(key) for key in told.keys],
        )
    )
