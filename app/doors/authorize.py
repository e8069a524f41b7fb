"""`/v1/authz` without its web framework: may the request pass that a proxy holds in its hands?

Looked at are the key headers of the forwarded request and the query that the proxy's own configuration wrote, nothing else:
whatever X-Forwarded-* says, it decides nothing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from app import refusals
from app.decision import Decision, Headers, Outcome, Toll, key_text
from app.doors.answers import identity_of, problem_of
from app.doors.verify import Cost, Feature, Scopes
from app.gate import Gate
from app.ratelimit_headers import headers_of
from app.steps import Steps

PATH = "/v1/authz"
NGINX_KNOWS = (200, 401, 403)
MOST_TERMS, LONGEST_TERM = 50, 12  # in a query: each is read before anybody has shown a key
DEAR = ("cost", "scope", "feature")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the proxy is answered. A refusal has a problem document as its body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    problem: dict[str, Any] | None = None


class Route(BaseModel):
    """What the proxy's configuration asks of the requests to one of its routes."""

    cost: Cost = 1
    scope: Scopes | None = None
    feature: Feature | None = None
    mode: Literal["nginx"] | None = None

    @cached_property
    def toll(self) -> Toll:
        """The same in the gate's words."""
        return Toll(self.cost, self.scope, self.feature)


def authorizing(
    gate: Gate, headers: Headers, *, query: str, request_id: str, told: Callable[[Decision], Decision]
) -> Steps[Reply]:
    """Judge and count. `query` is the raw query string: cost, scope, feature, mode=nginx. `told`: what becomes of a refusal."""
    try:
        route = read_route(query)
    except ValidationError as error:
        wrong = Reply(422, problem=_invalid(gate, error, request_id=request_id))
        return for_nginx(wrong) if "mode=nginx" in query.split("&") else wrong
    decision = yield from gate.deciding(key_text(headers), route.toll)
    if decision.outcome is not Outcome.ALLOWED:
        decision = told(decision)
    reply = _reply(gate, decision, route=route, request_id=request_id)
    return for_nginx(reply) if route.mode == "nginx" else reply


@lru_cache(maxsize=256)
def read_route(query: str) -> Route:
    """Of a name that stands there twice the first counts, and unknown ones are ignored: a client's query can only be appended.

    Raises ValidationError; also for `scopes`, `scop`, `Cost` and the like: ignored, they would open a dear route to everybody.
    """
    if query.count("&") >= MOST_TERMS:
        raise _wrong("query", f"no more than {MOST_TERMS} names are read")
    terms = dict(reversed(parse_qsl(query, keep_blank_values=True)))
    for name in terms.keys() - Route.model_fields.keys():
        if len(name) <= LONGEST_TERM and (meant := get_close_matches(name.lower(), DEAR, n=1, cutoff=0.7)):
            raise _wrong(name, f"is called {meant[0]}")
    return Route.model_validate(terms)


def _wrong(name: str, what: str) -> ValidationError:
    mistake = InitErrorDetails(type=PydanticCustomError("term", what), loc=(name,), input=None)
    return ValidationError.from_exception_data("Route", [mistake])


def for_nginx(reply: Reply) -> Reply:
    """auth_request understands 200, 401 and 403 only and drops bodies: the true answer travels in headers."""
    if reply.problem is None:
        return reply
    told = {
        "X-Tollgate-Status": str(reply.status),
        "X-Tollgate-Code": reply.problem["code"],
        "X-Tollgate-Problem": json.dumps(reply.problem),  # ASCII, one line
    }
    status = reply.status if reply.status in NGINX_KNOWS else 403
    return Reply(status, {**reply.headers, **told}, reply.problem)


def _reply(gate: Gate, decision: Decision, *, route: Route, request_id: str) -> Reply:
    limits = headers_of(decision.count) if decision.count else {}
    record, plan, words = decision.record, decision.plan, decision.words
    if record and plan and words:
        return Reply(200, {**limits, **identity_of(record, plan, words)})
    problem = problem_of(decision, base=gate.public_url, request_id=request_id, instance=PATH)
    return Reply(problem["status"], limits | refusals.challenge(problem["code"], route.scope), problem)


def _invalid(gate: Gate, error: ValidationError, *, request_id: str) -> dict[str, Any]:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(first["loc"][0])
    return refusals.document(
        "invalid_request",
        base=gate.public_url,
        detail=f"/{name}: {first['msg']}",
        instance=PATH,
        request_id=request_id,
        param=name,
        errors=[{"pointer": f"/{name}", "detail": first["msg"]}],
    )
