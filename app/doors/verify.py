"""`POST /v1/keys/verify` without its web framework: who may ask, what is asked, what is answered."""

import hmac
import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from app.decision import PLAIN, SCOPES, Decision, Toll, never_fits
from app.problems import InvalidInput
from keystore.plans import HIGHEST_LIMIT

PATH = "/v1/keys/verify"
PLAINEST = re.compile(rb'\{"key": ?"(\w{1,200})"\}', re.ASCII)
Cost = Annotated[int, Field(ge=1, le=HIGHEST_LIMIT)]
Scopes = Annotated[str, StringConstraints(max_length=400, pattern=f"^{SCOPES.pattern}$")]
Feature = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Question(BaseModel):
    """A key, and what the request that brought it has to pay and show. `scope`: several with spaces between, all are needed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: SecretStr
    cost: Cost = 1
    scope: Scopes | None = None
    feature: Feature | None = None
    peek: bool = Field(default=False, description="Charge nothing; `valid` says whether the request would pass now.")


def read(body: bytes) -> tuple[str, Toll]:
    """The key and the toll of a question. Raises ValidationError."""
    if plainest := PLAINEST.fullmatch(body):  # what nearly everybody asks needs no machinery
        return plainest[1].decode(), PLAIN
    return parts_of(Question.model_validate_json(body))


def parts_of(asked: Question) -> tuple[str, Toll]:
    """The key and the toll."""
    return asked.key.get_secret_value(), Toll(asked.cost, asked.scope, asked.feature, asked.peek)


def check_it_fits(toll: Toll, decision: Decision) -> None:
    """Raises InvalidInput for a cost that this key's limits could never hold: waiting would not help."""
    if toll.cost > 1 and decision.record and decision.plan:
        why = never_fits(toll.cost, decision.record, decision.plan)
        if why:
            raise InvalidInput("/cost", why)


class Services:
    """Who may ask: the holders of these tokens."""

    def __init__(self, tokens: Iterable[SecretStr]) -> None:
        self._known = [token.get_secret_value().encode() for token in tokens]
        self._usual = [f"Bearer {token.decode()}" for token in self._known]

    def refusal(self, authorization: str | None) -> str | None:
        """The code with which a caller without a service token is refused; None for one that has it. Constant time."""
        if authorization and authorization.isascii():  # the usual spelling first
            same = [hmac.compare_digest(authorization, usual) for usual in self._usual]
            if any(same):
                return None
        scheme, _, given = (authorization or "").partition(" ")
        if not self._known:
            return "forbidden"
        if scheme.lower() != "bearer" or not given.strip():
            return "unauthorized"
        offered = given.strip().encode()
        matches = [hmac.compare_digest(offered, token) for token in self._known]  # all of them, whichever matches
        return None if any(matches) else "forbidden"
