"""What a Tollgate somewhere else answered to `POST /v1/keys/verify`, read strictly. PURE.

It may be newer than this program, or not be one at all: whatever does not fit raises, so that nobody passes by a misunderstanding.
Facts that were added since are left out, and refusals that were added since are refusals.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.decision import Outcome
from app.doors.answers import CODES, Answer, VerifyOut

VALID = CODES[Outcome.ALLOWED]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _Problem(BaseModel):
    """What a client is handed of a problem that this version may never have heard of."""

    code: Word
    status: Annotated[int, Field(ge=400, le=599)]
    type: str = ""
    title: str = ""
    detail: str = ""
    full: Annotated[list[str], Field(alias="violated-policies")] = []


class _Never(BaseModel):
    """Of a 422: the question itself can never be granted."""

    code: Literal["invalid_request"]
    detail: str


def answer_in(body: bytes, status: int) -> Answer:
    """The answer about a key. Raises ValueError."""
    if status != 200:
        raise ValueError("another success than ours")
    said = VerifyOut.model_validate_json(body, strict=True)
    if said.valid is not (said.code == VALID) or said.valid is not (said.problem is None):
        raise ValueError("says both yes and no")
    if said.valid and not (said.key_id and said.entitlement and said.plan):
        raise ValueError("does not say who it is")
    if not all(window.name.isascii() and window.name.isprintable() for window in said.limits):
        raise ValueError("names what no header can hold")
    if said.problem is not None:
        _Problem.model_validate(said.problem, strict=True)
    return said.model_dump()


def reason_in(body: bytes) -> str:
    """Why Tollgate answered 422, in words. Raises ValueError."""
    return _Never.model_validate_json(body, strict=True).detail
