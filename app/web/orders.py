"""/v1/orders: buy a plan, look at the order, pay it on another rail."""

from typing import Any, Self

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from app import checkout, idempotency, sync
from app.orders import view_order
from app.problems import OrderNotFound
from app.views import OpenedOrder, OrderView
from app.web.answers import answer, problems
from app.web.fields import Email, Locale, ReturnUrl, Slug, Time
from app.web.holders import account_holder, held, holder
from app.web.parts import tollgate
from keystore.secret import Secret

BUYING = Tag(name="Buying")
api = APIBlueprint("orders", __name__, url_prefix="/v1", abp_tags=[BUYING], abp_responses=problems(409, 502))


class OrderIn(BaseModel):
    """What to buy. Return URLs have to be on our own host or on one the operator allows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    plan: Slug
    provider: Slug
    email: Email | None = None
    success_url: ReturnUrl | None = None
    cancel_url: ReturnUrl | None = None
    locale: Locale | None = None


class OrderHeaders(BaseModel):
    """A repeated request with the same key and body gives the same order and, for a day and until first use, the same api_key."""

    idempotency_key: str | None = Field(
        None, alias="Idempotency-Key", description="A random UUID, or 32 random characters or more"
    )


class OrderPath(BaseModel):
    """An order's id."""

    order_id: str = Field(pattern=r"^ord_[0-9A-Za-z]+$")


class OtherRail(BaseModel):
    """The payment rail to use instead."""

    model_config = ConfigDict(extra="forbid", strict=True)

    provider: Slug


class OrderShort(BaseModel):
    """An order. `amount` in minor units of `currency`."""

    id: str
    status: str
    plan: str
    provider: str
    amount: int
    currency: str
    checkout_url: str | None
    expires_at: Time
    key_id: str | None
    order_url: str
    attention: str | None


class OpenedOut(OrderShort):
    """A new order. Save `api_key` now: it starts to work when the payment arrives, and is not shown again."""

    api_key: str | None

    @classmethod
    def of(cls, opened: OpenedOrder) -> Self:
        """The only place where an order answers with a key."""
        key = opened.api_key.reveal() if opened.api_key else None
        return cls(**_short(opened.order), api_key=key)


class CheckoutOut(BaseModel):
    """One attempt to pay."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    provider: str
    state: str
    url: str | None
    amount: int
    currency: str


class OrderOut(OrderShort):
    """An order with every attempt to pay it. `amount_due` is what is still missing."""

    paid_at: Time | None
    amount_due: int
    checkouts: list[CheckoutOut]

    @classmethod
    def of(cls, view: OrderView) -> Self:
        """For the holder of one of its keys."""
        attempts = [CheckoutOut.model_validate(item) for item in view.checkouts]
        return cls(**_short(view), paid_at=view.paid_at, amount_due=view.amount_due, checkouts=attempts)


def _short(view: OrderView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in OrderShort.model_fields}


@api.post("/orders", operation_id="open_order", responses={201: OpenedOut})
def open_order(header: OrderHeaders, body: OrderIn) -> Response:
    """Buy a plan: gives the key at once, and where to pay"""
    key = None if header.idempotency_key is None else Secret(idempotency.check(header.idempotency_key))
    opened = checkout.open_order(tollgate(), checkout.NewOrder(**body.model_dump(), idempotency_key=key))
    response = answer(OpenedOut.of(opened), 201)
    response.location = f"/v1/orders/{opened.order.id}"
    return response


@held.get("/orders/<id('ord'):order_id>", operation_id="get_order", tags=[BUYING], responses={200: OrderOut})
def get_order(path: OrderPath) -> Response:
    """An order, for whoever holds one of its keys, paid or not"""
    _own(path.order_id)
    sync.nudge(tollgate(), path.order_id)
    return answer(OrderOut.of(view_order(tollgate(), path.order_id)))


@held.post(
    "/orders/<id('ord'):order_id>/checkouts",
    operation_id="add_checkout",
    tags=[BUYING],
    responses={201: OrderOut, **problems(401, 403, 409, 502)},
)
def add_checkout(path: OrderPath, body: OtherRail) -> Response:
    """Pay the same order on another rail; a checkout there that is still open is given again"""
    account_holder()
    _own(path.order_id)
    return answer(OrderOut.of(checkout.add_checkout(tollgate(), path.order_id, body.provider)), 201)


def _own(order_id: str) -> None:
    """Somebody else's order looks like none at all."""
    if view_order(tollgate(), order_id).entitlement != holder().entitlement:
        raise OrderNotFound(order_id)
