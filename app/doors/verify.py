"""`POST /v1/keys/verify` without its web framework: who may ask, what is asked, what is answered."""

import hmac
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from app.decision import Toll, never_fits
from app.doors.answers import Answer, answer_of
from app.gate import Gate
from app.problems import InvalidInput
from keystore.plans import HIGHEST_LIMIT

PATH = "/v1/keys/verify"
SCOPES = r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$"  # RFC 6750
Cost = Annotated[int, Field(ge=1, le=HIGHEST_LIMIT)]
Scopes = Annotated[str, StringConstraints(max_length=400, pattern=SCOPES)]
Feature = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Question(BaseModel):
    """A key, and what the request that brought it has to pay and show. `scope`: several with spaces between, all are needed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: SecretStr
    cost: Cost = 1
    scope: Scopes | None = None
    feature: Feature | None = None
    peek: bool = Field(default=False, description="Charge nothing; `valid` says whether the request would pass now.")


def verify(gate: Gate, asked: Question, *, request_id: str) -> Answer:
    """Judge and count. Raises InvalidInput for a cost that this key's limits could never hold: waiting would not help."""
    toll = Toll(asked.cost, asked.scope, asked.feature, asked.peek)
    decision = gate.decide_key(asked.key.get_secret_value(), toll)
    if decision.record and decision.plan and (why := never_fits(asked.cost, decision.record, decision.plan)):
        raise InvalidInput("/cost", why)
    return answer_of(decision, base=gate.public_url, request_id=request_id)


class Services:
    """Who may ask: the holders of these tokens."""

    def __init__(self, tokens: Iterable[SecretStr]) -> None:
        self._known = [token.get_secret_value().encode() for token in tokens]

    def refusal(self, authorization: str | None) -> str | None:
        """The code with which a caller without a service token is refused; None for one that has it. Constant time."""
        scheme, _, given = (authorization or "").partition(" ")
        if not self._known:
            return "forbidden"
        if scheme.lower() != "bearer" or not given.strip():
            return "unauthorized"
        offered = given.strip().encode()
        matches = [hmac.compare_digest(offered, token) for token in self._known]  # all of them, whichever matches
        return None if any(matches) else "forbidden"
