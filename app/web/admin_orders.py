"""/v1/admin/orders: find them, see all of one, mend what is odd about its money."""

from typing import Literal, Self

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from app.operators import money, orders, refunds, subscriptions, timeline
from app.operators.orders import OrderFilter, OrderLine
from app.operators.refunds import RefundView
from app.operators.timeline import OrderFile
from app.web.admin import KeyOut
from app.web.admin_access import Paging, Reason, Reference, actor, api, may_write
from app.web.admin_entitlements import EntitlementFileOut
from app.web.answers import answer, problems
from app.web.fields import Email, KeyId, Slug, Time
from app.web.orders import CheckoutOut, OrderPath
from app.web.parts import tollgate
from app.web.renewals import PaymentOut

STATUS = Literal["open", "processing", "paid", "expired", "canceled", "refunded"]


class OrderQuery(Paging):
    """Which orders. `reference`: a session, invoice, subscription or refund by the provider's own name."""

    email: Email | None = None
    key: KeyId | None = None
    reference: Reference | None = None
    status: STATUS | None = None
    attention: Slug | None = Field(None, description="A code, or `any`")


class AcceptIn(BaseModel):
    """Which held payment to count; needed only where there are several."""

    model_config = ConfigDict(extra="forbid", strict=True)

    payment: Reference | None = None
    reason: Reason | None = None


class RefundIn(AcceptIn):
    """What to give back. `amount` in minor units; left out: all that is left of the payment.

    `cancel_subscription`: end the order's card subscription first, which otherwise goes on charging.
    """

    amount: int | None = Field(None, ge=1, le=10**15)
    cancel_subscription: bool = False


class CancelIn(BaseModel):
    """Why; it stands in the audit log."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Reason


class ResolveIn(BaseModel):
    """Which flag to close; left out: all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: Slug | None = None
    reason: Reason


class AdminOrderOut(BaseModel):
    """An order as operators see it. `reasons` are the sentences behind `attention`."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    status: str
    plan: str
    provider: str
    amount: int
    currency: str
    amount_due: int
    email: str | None
    key_id: str | None
    entitlement: str
    order_url: str
    attention: str | None
    reasons: list[str] = []
    created_at: Time
    paid_at: Time | None

    @classmethod
    def of(cls, line: OrderLine) -> Self:
        """An order in a list."""
        return cls.model_validate(line.view).model_copy(update={"reasons": list(line.reasons)})


class OrderList(BaseModel):
    """One page of orders."""

    object: str = "list"
    url: str = "/v1/admin/orders"
    has_more: bool
    data: list[AdminOrderOut]


class RefundOut(BaseModel):
    """Money that went back. `link`: where the payer claims it (bitcoin); send it to them.

    `reference` and `link` are null for a token that may only read: whoever has either can claim the money.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    payment: str
    provider: str
    reference: str | None
    amount: int
    currency: str
    state: str
    link: str | None
    created_at: Time

    @classmethod
    def of(cls, view: RefundView) -> Self:
        """As much as the token that asks may see."""
        seen = cls.model_validate(view)
        return seen if may_write() else seen.model_copy(update={"reference": None, "link": None})


class EventOut(BaseModel):
    """Something that happened: order, checkout, receipt, payment, refund, decision, key, parcel or audit."""

    model_config = ConfigDict(from_attributes=True)

    at: Time
    what: str
    id: str
    text: str
    by: str | None


class OrderFileOut(AdminOrderOut):
    """An order with all that hangs on it, and everything that happened, oldest first."""

    checkouts: list[CheckoutOut]
    entitlement_now: EntitlementFileOut
    keys: list[KeyOut]
    payments: list[PaymentOut]
    refunds: list[RefundOut]
    timeline: list[EventOut]

    @classmethod
    def whole(cls, file: OrderFile) -> Self:
        """The whole file."""
        return cls(
            **AdminOrderOut.of(file.order).model_dump(),
            checkouts=[CheckoutOut.model_validate(item) for item in file.order.view.checkouts],
            entitlement_now=EntitlementFileOut.model_validate(file.entitlement),
            keys=[KeyOut.model_validate(item) for item in file.keys],
            payments=[PaymentOut.model_validate(item) for item in file.payments],
            refunds=[RefundOut.of(item) for item in file.refunds],
            timeline=[EventOut.model_validate(item) for item in file.timeline],
        )


@api.get("/orders", operation_id="admin_list_orders", responses={200: OrderList})
def list_orders(query: OrderQuery) -> Response:
    """Orders, newest first"""
    only = OrderFilter(**query.model_dump(exclude={"limit", "starting_after"}))
    page = orders.list_page(tollgate(), only, limit=query.limit, after=query.starting_after)
    return answer(OrderList(has_more=page.has_more, data=[AdminOrderOut.of(line) for line in page.data]))


@api.get("/orders/<id('ord'):order_id>", operation_id="admin_get_order", responses={200: OrderFileOut})
def get_order_file(path: OrderPath) -> Response:
    """Everything about one order"""
    return _file(path.order_id)


@api.post("/orders/<id('ord'):order_id>/accept", operation_id="admin_accept_payment", responses={200: OrderFileOut})
def accept_payment(path: OrderPath, body: AcceptIn) -> Response:
    """Count money that was held: late, twice, or in part"""
    money.accept(tollgate(), path.order_id, payment=body.payment, reason=body.reason, actor=actor())
    return _file(path.order_id)


@api.post(
    "/orders/<id('ord'):order_id>/refund", operation_id="admin_refund", responses={201: RefundOut, **problems(502)}
)
def refund_payment(path: OrderPath, body: RefundIn) -> Response:
    """Give money back, all or a part. The same request again never gives it back twice"""
    wanted = refunds.RefundOrder(**body.model_dump())
    made = refunds.refund(tollgate(), path.order_id, wanted, actor=actor())
    return answer(RefundOut.of(made), 201)


@api.post(
    "/orders/<id('ord'):order_id>/cancel-subscription",
    operation_id="admin_cancel_subscription",
    responses={200: OrderFileOut, **problems(502)},
)
def cancel_subscription(path: OrderPath, body: CancelIn) -> Response:
    """End the order's card subscription at its provider, at once. Nothing is given back; doing it again is no error"""
    subscriptions.cancel(tollgate(), path.order_id, reason=body.reason, actor=actor())
    return _file(path.order_id)


@api.post(
    "/orders/<id('ord'):order_id>/sync", operation_id="admin_sync_order", responses={200: OrderFileOut, **problems(502)}
)
def sync_order(path: OrderPath) -> Response:
    """Ask the providers about all its checkouts now"""
    orders.sync_now(tollgate(), path.order_id)
    return _file(path.order_id)


@api.post("/orders/<id('ord'):order_id>/resolve", operation_id="admin_resolve_order", responses={200: OrderFileOut})
def resolve_order(path: OrderPath, body: ResolveIn) -> Response:
    """Close flags that need nothing more done"""
    money.resolve(tollgate(), path.order_id, code=body.code, reason=body.reason, actor=actor())
    return _file(path.order_id)


def _file(order_id: str) -> Response:
    return answer(OrderFileOut.whole(timeline.read(tollgate(), order_id)))
