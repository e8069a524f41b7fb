"""/v1/whoami and /v1/keys: what a holder sees and does with a key."""

from flask import Response, g
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from app import keys
from app.views import NewKey
from app.web.answers import EITHER_KEY, answer, problems
from app.web.fields import KeyId, Time
from app.web.gating import gate
from app.web.holders import account_holder, held, holder, working_holder
from app.web.parts import tollgate
from keystore.errors import UnknownKey

KEYS = Tag(name="Keys")
DAY = 24 * 3600
LONGEST_GRACE = 30 * DAY
api = APIBlueprint(
    "keys", __name__, url_prefix="/v1", abp_tags=[KEYS], abp_security=EITHER_KEY, abp_responses=problems(401, 402, 403)
)


class LimitOut(BaseModel):
    """A window after this request. `reset`: seconds until one more request would pass."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    limit: int
    remaining: int
    reset: int


class QuotaOut(BaseModel):
    """What is left of the paid period. `reset`: seconds until it ends."""

    model_config = ConfigDict(from_attributes=True)

    limit: int
    remaining: int
    reset: int


class WhoAmI(BaseModel):
    """What the key of this request may do."""

    key_id: str
    entitlement: str
    plan: str
    scopes: list[str]
    features: list[str]
    ends_at: Time | None
    limits: list[LimitOut]
    quota: QuotaOut | None = None


class RotateIn(BaseModel):
    """How long the old key works on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    grace_seconds: int = Field(DAY, ge=0, le=LONGEST_GRACE)


class RevokeIn(BaseModel):
    """Which key to end; the calling one when left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key_id: KeyId | None = None


class Previous(BaseModel):
    """The key that was replaced, and until when it works."""

    key_id: str
    ends_at: Time


class RotatedOut(BaseModel):
    """The new key. It is shown this once."""

    key_id: str
    api_key: str
    previous: Previous


class RevokedOut(BaseModel):
    """The key has ended for good."""

    key_id: str
    status: str


@api.get("/whoami", operation_id="whoami", responses={200: WhoAmI})
@gate
def whoami() -> Response:
    """The plan, scopes and limits of the calling key. Counts as one request"""
    record, plan, count = g.decision.record, g.decision.plan, g.decision.count
    return answer(
        WhoAmI(
            key_id=record.key_id,
            entitlement=record.entitlement,
            plan=plan.slug,
            scopes=list(record.scopes),
            features=list(plan.features),
            ends_at=record.ends_at,
            limits=[LimitOut.model_validate(item) for item in count.allowances],
            quota=QuotaOut.model_validate(count.quota) if count.quota else None,
        )
    )


@held.post(
    "/keys/rotate", operation_id="rotate_key", tags=[KEYS], responses={200: RotatedOut, **problems(401, 402, 403, 409)}
)
def rotate_key(body: RotateIn) -> Response:
    """Replace the calling key; the old one works until its grace is over. Limits are shared and not reset"""
    record = working_holder(tollgate())
    new = keys.rotate(tollgate(), record.key_id, grace_seconds=body.grace_seconds, actor=f"holder:{record.key_id}")
    return answer(rotated(new))


@held.post("/keys/revoke", operation_id="revoke_key", tags=[KEYS], responses={200: RevokedOut})
def revoke_key(body: RevokeIn) -> Response:
    """End the calling key, or with scope `account` another one of the same entitlement, at once and for good"""
    key_id = body.key_id or holder().key_id
    record = holder() if key_id == holder().key_id else account_holder()
    if keys.get(tollgate(), key_id).entitlement != record.entitlement:
        raise UnknownKey(key_id)
    view = keys.revoke(tollgate(), key_id, actor=f"holder:{record.key_id}")
    return answer(RevokedOut(key_id=view.id, status=view.status))


def rotated(new: NewKey) -> RotatedOut:
    """A rotation's answer, for holders and operators alike."""
    if new.previous_id is None or new.previous_ends_at is None:
        raise ValueError("this key replaces none")
    return RotatedOut(
        key_id=new.key_id,
        api_key=new.api_key.reveal(),
        previous=Previous(key_id=new.previous_id, ends_at=new.previous_ends_at),
    )
