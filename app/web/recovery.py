"""A lost key, and a payer who never bought anything: for programs under /v1, for people as pages."""

from typing import Literal

from flask import Blueprint, Response, make_response, render_template, request
from flask_babel import gettext as _
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from app import recovery, strangers
from app.problems import LinkSpent
from app.recovery import GRACE_SECONDS, Recovered
from app.web import order_cookie
from app.web.answers import answer, problems
from app.web.fields import Email, Locale, Time, checked_email
from app.web.languages import language, remember_language
from app.web.parts import tollgate
from keystore.secret import Secret

api = APIBlueprint("recovery", __name__, url_prefix="/v1", abp_tags=[Tag(name="Buying")], abp_responses=problems())
site = Blueprint("lost", __name__)
site.before_request(remember_language)


class RecoverIn(BaseModel):
    """The address that was given with the order, or that paid."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: Email
    locale: Locale | None = None


class RecoverOut(BaseModel):
    """The same for every address."""

    state: str = "accepted"
    detail: str = "If this address has an order, a mail with a link is on its way."


class ClaimIn(BaseModel):
    """What stands behind # in the link. `end_old`: end the old key now, or let it work a day longer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str = Field(min_length=1, max_length=200)
    end_old: Literal["now", "grace"] = "grace"


class PreviousOut(BaseModel):
    """A key that was replaced, and when it ends or ended."""

    key_id: str
    ends_at: Time


class RecoveredOut(BaseModel):
    """The new key. Save it: it is not shown again."""

    key_id: str
    api_key: str
    entitlement: str
    plan: str
    order_url: str | None
    previous: list[PreviousOut]


@api.post("/orders/recover", operation_id="recover_key", responses={202: RecoverOut})
def ask(body: RecoverIn) -> Response:
    """Have a link mailed that gives a new key. Nothing is revoked by asking"""
    recovery.ask(tollgate(), body.email, locale=body.locale)
    return answer(RecoverOut(), 202)


@api.post("/orders/recover/claim", operation_id="claim_key", responses={200: RecoveredOut, **problems(410)})
def claim(body: ClaimIn) -> Response:
    """Exchange the link's token for a new key, once; for ten minutes and until the key's first use it gives the same one"""
    found = _claim(body.token, body.end_old)
    previous = [PreviousOut(key_id=key_id, ends_at=ends_at) for key_id, ends_at in found.previous]
    return answer(
        RecoveredOut(
            key_id=found.key_id,
            api_key=found.api_key.reveal(),
            entitlement=found.entitlement,
            plan=found.plan,
            order_url=found.order_url,
            previous=previous,
        )
    )


@site.get("/recover")
def show() -> str:
    """Where the link leads: looking at it changes nothing, since mail scanners follow links."""
    return render_template("recover.html")


@site.post("/recover")
def claim_by_hand() -> Response:
    """The button: shows the new key, and gives this browser the order again."""
    try:
        found = _claim(request.form.get("token", ""), request.form.get("end_old", "grace"))
    except LinkSpent:
        words = _("This link was used already, or is too old. Ask for a new one below.")
        return make_response(render_template("recover.html", problem=words), 410)
    plan = tollgate().catalog.plans.get(found.plan)
    response = make_response(
        render_template(
            "recovered.html", found=found, key=found.api_key.reveal(), plan=plan.name if plan else found.plan
        )
    )
    if found.order:
        order_cookie.hand_over(response, found.order, found.api_key)
    return response


@site.post("/recover/ask")
def ask_by_hand() -> tuple[str, int]:
    """The same answer for every address."""
    try:
        email = checked_email(request.form.get("email", "").strip()[:254])
    except ValueError:
        return render_template("recover.html", problem=_("This does not look like an e-mail address.")), 422
    recovery.ask(tollgate(), email, locale=language())
    return render_template("recover.html", asked=True), 202


@site.get("/not-mine/<token>")
def not_mine(token: str) -> str:
    """Where a payer can say that the key is not theirs. Only the button below says it."""
    strangers.check(tollgate(), token)
    return render_template("not_mine.html", token=token)


@site.post("/not-mine/<token>")
def say_not_mine(token: str) -> str:
    """Tell the operator. The key works on until somebody has looked: the sender of a mail proves little."""
    strangers.tell(tollgate(), token)
    return render_template("not_mine.html", told=True)


def _claim(token: str, end_old: str) -> Recovered:
    """People paste whole links."""
    bare = token.strip().rpartition("#")[2]
    return recovery.claim(tollgate(), Secret(bare), grace_seconds=0 if end_old == "now" else GRACE_SECONDS)
