"""What was sent to an endpoint, attempt by attempt; sending it again, and a trial on demand."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app import audit
from app.keys import MOST_PER_PAGE
from app.models import Delivery, Parcel
from app.outbox import FORGOTTEN
from app.outgoing import events
from app.outgoing.endpoints import find, hold
from app.problems import EndpointDisabled, EndpointNotFound, InvalidInput
from app.tollgate import Tollgate
from app.views import Page
from keystore.ids import new_id


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One attempt. `state` is the message's now: due | sent | parked | forgotten; `next_at` the next attempt while it is due."""

    id: str
    message: str
    event: str
    at: datetime
    status: int | None
    error: str | None
    milliseconds: int
    state: str | None
    next_at: datetime | None


def deliveries(
    tollgate: Tollgate, endpoint_id: str, *, limit: int = 20, after: str | None = None
) -> Page[DeliveryView]:
    """Attempts, newest first. Raises EndpointNotFound, InvalidInput for a cursor that is none of them."""
    limit = min(limit, MOST_PER_PAGE)
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.at.desc(), Delivery.id.desc())
    with tollgate.db.read() as session:
        find(session, endpoint_id)
        if after is not None:
            last = session.get(Delivery, after)
            if last is None or last.endpoint_id != endpoint_id:
                raise InvalidInput("/starting_after", "no such delivery")
            query = query.where((Delivery.at < last.at) | ((Delivery.at == last.at) & (Delivery.id < last.id)))
        rows = list(session.scalars(query.limit(limit + 1)))
        names = [events.dedupe(endpoint_id, row.message_id) for row in rows]
        parcels = {row.dedupe: row for row in session.scalars(select(Parcel).where(Parcel.dedupe.in_(names)))}
        shown = [_shape(row, parcels.get(name)) for row, name in zip(rows, names, strict=True)]
    return Page(tuple(shown[:limit]), len(rows) > limit)


def resend(tollgate: Tollgate, endpoint_id: str, message_id: str, *, actor: str) -> None:
    """Send a message again, now, under its old id, whatever became of it. Raises EndpointNotFound, EndpointDisabled."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        endpoint = hold(session, endpoint_id)
        if endpoint.status != "enabled":
            raise EndpointDisabled(endpoint_id)
        name = events.dedupe(endpoint_id, message_id)
        parcel = session.scalar(
            select(Parcel).where(Parcel.dedupe == name, Parcel.state != FORGOTTEN).with_for_update()
        )
        if parcel is None:
            raise EndpointNotFound(message_id)
        parcel.state, parcel.attempts, parcel.due_at = "due", 0, now
        endpoint.rests_until = None
        audit.write(session, "endpoint.resent", endpoint_id, actor=actor, now=now, after={"message": message_id})


def test(tollgate: Tollgate, endpoint_id: str, *, actor: str) -> str:
    """Send a `webhook.test`, whatever the endpoint listens to. Gives the message's id. Raises EndpointNotFound, EndpointDisabled."""
    now = tollgate.clock()
    with tollgate.db.write() as session:
        endpoint = hold(session, endpoint_id)
        if endpoint.status != "enabled":
            raise EndpointDisabled(endpoint_id)
        endpoint.rests_until = None
        audit.write(session, "endpoint.tested", endpoint_id, actor=actor, now=now)
        data = {"endpoint": endpoint_id}
        return events.address(session, endpoint_id, events.TEST, new_id("tst"), data, now=now)


def _shape(row: Delivery, parcel: Parcel | None) -> DeliveryView:
    return DeliveryView(
        id=row.id,
        message=row.message_id,
        event=row.event,
        at=row.at,
        status=row.status,
        error=row.error,
        milliseconds=row.milliseconds,
        state=parcel.state if parcel else None,
        next_at=parcel.due_at if parcel and parcel.state == "due" else None,
    )
