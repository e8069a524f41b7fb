"""/v1/admin/keys: what operators do with keys."""

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from app import keys
from app.views import KeyView
from app.web.admin_access import actor, api
from app.web.answers import answer
from app.web.fields import Email, KeyId, Name, Scope, Slug, Time
from app.web.keys import RotatedOut, RotateIn, rotated
from app.web.parts import tollgate

MOST = 1_000_000_000

Limits = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")], Annotated[int, Field(ge=1, le=MOST)]]


class KeyPath(BaseModel):
    """A key's id."""

    key_id: str = Field(pattern=r"^key_[0-9A-Za-z]+$")


class ListQuery(BaseModel):
    """One page, newest first."""

    limit: int = Field(20, ge=1, le=100)
    starting_after: KeyId | None = None
    status: Literal["pending", "active", "revoked"] | None = None
    plan: Slug | None = None


class KeyIn(BaseModel):
    """A key to give away. `term_days` null: for ever. `limits` override the plan's rates, and its quota as `quota`, by name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    plan: Slug
    email: Email | None = None
    name: Name | None = None
    term_days: int | None = Field(None, ge=1, le=36_500)
    limits: Limits | None = None
    scopes: list[Scope] = Field(["account"], max_length=20)


class KeyPatch(BaseModel):
    """What to change; fields that are left out stay. `limits` null: back to the plan's own.

    Limits that the plan does not have are refused: the new plan, where both change. So is a new plan without those that stay.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    plan: Slug | None = None
    name: Name | None = None
    limits: Limits | None = None


class KeyOut(BaseModel):
    """A key as operators see it. `hint` is enough to recognise it and useless to call with."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    status: str
    plan: str
    entitlement: str
    order: str | None
    email: str | None
    name: str | None
    scopes: list[str]
    hint: str
    limits: dict[str, int] | None
    ends_at: Time | None
    created_at: Time
    last_used_at: Time | None
    expires_at: Time | None


class CreatedOut(KeyOut):
    """A new key. `api_key` is shown this once."""

    api_key: str


class KeyList(BaseModel):
    """One page of keys."""

    object: str = "list"
    url: str = "/v1/admin/keys"
    has_more: bool
    data: list[KeyOut]


@api.get("/keys", operation_id="admin_list_keys", responses={200: KeyList})
def list_keys(query: ListQuery) -> Response:
    """Keys, newest first"""
    page = keys.list_page(
        tollgate(), limit=query.limit, after=query.starting_after, status=query.status, plan=query.plan
    )
    return answer(KeyList(has_more=page.has_more, data=[_key(view) for view in page.data]))


@api.post("/keys", operation_id="admin_create_key", responses={201: CreatedOut})
def create_key(body: KeyIn) -> Response:
    """Give a key away without an order"""
    fields = body.model_dump()
    new = keys.create(tollgate(), keys.KeyOrder(**{**fields, "scopes": tuple(fields["scopes"])}), actor=actor())
    view = _key(keys.get(tollgate(), new.key_id))
    response = answer(CreatedOut(**view.model_dump(), api_key=new.api_key.reveal()), 201)
    response.location = f"/v1/admin/keys/{new.key_id}"
    return response


@api.get("/keys/<id('key'):key_id>", operation_id="admin_get_key", responses={200: KeyOut})
def get_key(path: KeyPath) -> Response:
    """One key"""
    return answer(_key(keys.get(tollgate(), path.key_id)))


@api.patch("/keys/<id('key'):key_id>", operation_id="admin_change_key", responses={200: KeyOut})
def change_key(path: KeyPath, body: KeyPatch) -> Response:
    """Change plan, limits or name. Limits and plan are shared by all keys of the entitlement"""
    given: dict[str, Any] = body.model_dump(include=body.model_fields_set)
    if given.get("plan", "") is None:
        del given["plan"]  # no key is without a plan
    return answer(_key(keys.patch(tollgate(), path.key_id, keys.KeyChanges(**given), actor=actor())))


@api.post("/keys/<id('key'):key_id>/rotate", operation_id="admin_rotate_key", responses={200: RotatedOut})
def rotate_key(path: KeyPath, body: RotateIn) -> Response:
    """Replace a key; the old one works until its grace is over"""
    return answer(rotated(keys.rotate(tollgate(), path.key_id, grace_seconds=body.grace_seconds, actor=actor())))


@api.post("/keys/<id('key'):key_id>/revoke", operation_id="admin_revoke_key", responses={200: KeyOut})
def revoke_key(path: KeyPath) -> Response:
    """End a key at once and for good"""
    return answer(_key(keys.revoke(tollgate(), path.key_id, actor=actor())))


def _key(view: KeyView) -> KeyOut:
    return KeyOut.model_validate(view)
