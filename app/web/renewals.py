"""/v1/renewals, /v1/payments, /v1/billing-portal: more time, what was paid, and where the card is managed."""

from typing import Any, Self

from flask import Response
from flask_openapi import Tag
from pydantic import BaseModel, ConfigDict, Field

from app import idempotency, renewals
from app.checkout import NewOrder
from app.payments import list_payments
from app.views import OrderView
from app.web.answers import answer, problems
from app.web.fields import Locale, ReturnUrl, Slug, Time
from app.web.holders import account_holder, held
from app.web.orders import OrderHeaders, OrderOut
from app.web.parts import tollgate
from keystore.secret import Secret

RENEWING = Tag(name="Renewing")


class RenewalIn(BaseModel):
    """What to renew with; the same plan when none is named. Another plan starts with the next term."""

    model_config = ConfigDict(extra="forbid", strict=True)

    provider: Slug
    plan: Slug | None = None
    success_url: ReturnUrl | None = None
    cancel_url: ReturnUrl | None = None
    locale: Locale | None = None


class RenewalQuery(BaseModel):
    """`preview=true` shows price and dates and creates nothing."""

    preview: bool = False


class RenewalOut(OrderOut):
    """A renewal order. It makes no key: the ones there are get more time."""

    kind: str

    @classmethod
    def of(cls, view: OrderView) -> Self:
        """For the holder of the entitlement."""
        return cls(**OrderOut.of(view).model_dump(), kind=view.kind)


class PreviewOut(BaseModel):
    """`amount` in minor units of `currency`; `sats` at this moment's rate. `starts_at`: when the new time and its plan begin."""

    model_config = ConfigDict(from_attributes=True)

    plan: str
    provider: str
    amount: int
    currency: str
    sats: int | None
    starts_at: Time
    ends_at: Time | None
    recurring: bool


class PaymentOut(BaseModel):
    """One payment. `amount` and `refunded` in minor units of `currency`."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    order: str
    provider: str
    state: str
    plan: str
    amount: int
    refunded: int
    currency: str
    paid_at: Time
    covers_from: Time | None
    covers_to: Time | None


class PaymentList(BaseModel):
    """Every payment of the entitlement, newest first."""

    object: str = "list"
    url: str = "/v1/payments"
    has_more: bool = False
    data: list[PaymentOut]


class PortalOut(BaseModel):
    """A short-lived link that is only for this payer: use it at once, do not store it."""

    url: str = Field(json_schema_extra={"format": "uri"})


@held.post(
    "/renewals",
    operation_id="renew",
    tags=[RENEWING],
    responses={200: PreviewOut, 201: RenewalOut, **problems(401, 403, 409, 502)},
)
def renew(header: OrderHeaders, query: RenewalQuery, body: RenewalIn) -> Response:
    """More time on the calling key's entitlement, on either rail; early renewal loses no day"""
    record = account_holder()
    wanted: dict[str, Any] = {**body.model_dump(), "plan": body.plan or record.plan}
    if query.preview:
        return answer(PreviewOut.model_validate(renewals.preview(tollgate(), record, NewOrder(**wanted))))
    key = None if header.idempotency_key is None else Secret(idempotency.check(header.idempotency_key))
    order = renewals.open_renewal(tollgate(), record, NewOrder(**wanted, idempotency_key=key))
    response = answer(RenewalOut.of(order), 201)
    response.location = f"/v1/orders/{order.id}"
    return response


@held.get("/payments", operation_id="list_payments", tags=[RENEWING], responses={200: PaymentList})
def payments() -> Response:
    """What was paid for the calling key's entitlement, and what went back"""
    record = account_holder()
    found = list_payments(tollgate(), record.entitlement)
    return answer(PaymentList(data=[PaymentOut.model_validate(item) for item in found]))


@held.post(
    "/billing-portal",
    operation_id="open_billing_portal",
    tags=[RENEWING],
    responses={201: PortalOut, **problems(401, 403, 404, 502)},
)
def billing_portal() -> Response:
    """A fresh link to the card rail's own pages: change the card, cancel, see invoices"""
    record = account_holder()
    return answer(PortalOut(url=renewals.portal(tollgate(), record.entitlement)), 201)
