"""Who may use /v1/admin: ADMIN_TOKEN, or a named token with a scope. Without any there is no admin."""

from typing import Annotated

from flask import Response, g, request
from flask_openapi import APIBlueprint, Tag
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from app.errors import problem
from app.operators import tokens
from app.operators.tokens import Operator
from app.web.answers import ADMIN, problems
from app.web.fields import PRINTABLE
from app.web.parts import tollgate

READING = ("GET", "HEAD", "OPTIONS")

api = APIBlueprint(
    "admin",
    __name__,
    url_prefix="/v1/admin",
    abp_tags=[Tag(name="Operators")],
    abp_security=ADMIN,
    abp_responses=problems(401, 403, 409),
)


def _of_our_time(moment: AwareDatetime) -> AwareDatetime:
    """Years that every database and every time zone can hold. Raises ValueError."""
    if not 2000 <= moment.year <= 2200:
        raise ValueError("give a date from 2000 to 2200")
    return moment


Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_of_our_time)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PRINTABLE)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:@-]+$")]


class Paging(BaseModel):
    """One page, newest first."""

    limit: int = Field(20, ge=1, le=100)
    starting_after: Reference | None = Field(None, description="The last id of the page before")


@api.before_request
def authorize() -> Response | None:
    """Before anything else is looked at. A token that may only read changes nothing, whatever it asks for."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        return problem("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="admin"'})
    operator = tokens.find_operator(tollgate(), given.strip())
    if operator is None:
        return problem("forbidden", "This admin token is wrong or revoked, or none is set here.")
    if request.method not in READING and not operator.may_write:
        return problem("forbidden", "This admin token may only read.")
    g.operator = operator
    return None


def actor() -> str:
    """Who is asking, as the audit log says it."""
    return _operator().name


def may_write() -> bool:
    """Whether the token may change things, and so see what is as good as money."""
    return _operator().may_write


def _operator() -> Operator:
    operator: Operator = g.operator
    return operator
