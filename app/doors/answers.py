"""What a service is told about a key: the answer of `POST /v1/keys/verify`, and the same facts as headers. PURE, but for what is kept in Words."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, Field
from pydantic_core import to_json

from app import refusals
from app.decision import Decision, Outcome, Words
from app.ratelimit_headers import headers_of
from keystore.plans import QUOTA, Allowance, Count, Plan, Rate
from keystore.verdict import KeyRecord

CODES = {
    Outcome.ALLOWED: "VALID",
    Outcome.INVALID_KEY: "NOT_FOUND",
    Outcome.PAYMENT_REQUIRED: "PAYMENT_REQUIRED",
    Outcome.ENDED: "ENDED",
    Outcome.SUSPENDED: "SUSPENDED",
    Outcome.REVOKED_KEY: "REVOKED",
    Outcome.RATE_LIMITED: "RATE_LIMITED",
    Outcome.QUOTA_EXCEEDED: "QUOTA_EXCEEDED",
    Outcome.INSUFFICIENT_SCOPE: "INSUFFICIENT_SCOPE",
}
PLAIN = "!#$&'()*+,-./:;<=>?@[]^_`{|}~"  # stands in a header as it is; spaces are between words, the rest is %-encoded

Answer = dict[str, Any]


class Window(BaseModel):
    """A limit after this request. `reset` and `window` are seconds."""

    name: str
    limit: int
    remaining: int
    reset: int
    window: int


class QuotaLeft(BaseModel):
    """What is left of the paid period, `window` seconds long, which ends in `reset` seconds."""

    limit: int
    remaining: int
    reset: int
    window: int


class VerifyOut(BaseModel):
    """What a key may do. `problem`: an application/problem+json document ready to be passed on, when it may not."""

    valid: bool
    code: Annotated[str, Field(json_schema_extra={"enum": [*CODES.values()]})]
    key_id: str | None
    entitlement: str | None
    owner: str | None
    plan: str | None
    scopes: list[str]
    features: list[str]
    ends_at: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})]
    limits: list[Window]
    quota: QuotaLeft | None
    problem: dict[str, Any] | None


def answer_of(decision: Decision, *, base: str | None, request_id: str | None = None) -> Answer:
    """The decision in the form of `VerifyOut`."""
    plan, count = decision.plan, decision.count
    valid = decision.outcome is Outcome.ALLOWED
    return {
        "valid": valid,
        "code": CODES.get(decision.outcome, "NOT_FOUND"),
        **_about(decision.record, plan.features if plan else ()),
        "limits": [_window(allowance) for allowance in count.allowances] if count else [],
        "quota": _quota(count.quota) if count and count.quota else None,
        "problem": None if valid else problem_of(decision, base=base, request_id=request_id),
    }


def written(decision: Decision, *, base: str | None, request_id: str) -> bytes:
    """The same as JSON. Of the plain case, which runs a million times for each other one, only the numbers are written anew."""
    record, plan, count, words = decision.record, decision.plan, decision.count, decision.words
    if record and plan and count and words and count.rates is words.rates and not count.quota:
        if words.answer is None:
            words.answer = _with_gaps(record, plan.features, count.rates)
        return words.answer % (*count.states,)
    return to_json(answer_of(decision, base=base, request_id=request_id))


def problem_of(decision: Decision, *, base: str | None, request_id: str | None, **members: Any) -> dict[str, Any]:
    """The problem document of a refusal."""
    return refusals.document(
        decision.outcome.value,
        base=base,
        detail=decision.detail,
        request_id=request_id,
        **refusals.members_of(decision),
        **members,
    )


def identity_headers(answer: Answer) -> MappingProxyType[str, str]:
    """Who is calling, for the API behind the gate. Words that a header cannot hold are %-encoded."""
    one_each = ("key_id", "entitlement", "owner", "plan")
    return _said(*(answer[name] for name in one_each), tuple(answer["scopes"]), tuple(answer["features"]))


def identity_of(record: KeyRecord, plan: Plan, words: Words) -> Mapping[str, str]:
    """The same headers for a key that passed."""
    if words.identity is None:
        one_each = (record.key_id, record.entitlement, record.owner, record.plan)
        words.identity = _said(*one_each, record.scopes, plan.features)
    return words.identity


@lru_cache(maxsize=4096)
def _said(
    key_id: str | None,
    entitlement: str | None,
    owner: str | None,
    plan: str | None,
    scopes: tuple[str, ...],
    features: tuple[str, ...],
) -> MappingProxyType[str, str]:
    words = {
        "X-Tollgate-Key-Id": (key_id,),
        "X-Tollgate-Entitlement": (entitlement,),
        "X-Tollgate-Owner": (owner,),
        "X-Tollgate-Plan": (plan,),
        "X-Tollgate-Scopes": scopes,
        "X-Tollgate-Features": features,
    }
    # All six, empty where there is nothing: of a header that did not come, Caddy 2.6 would make a placeholder for the API.
    said = {name: " ".join(quote(item, safe=PLAIN) for item in items if item) for name, items in words.items()}
    return MappingProxyType(said)


def limit_headers(answer: Answer) -> dict[str, str]:
    """RateLimit and its kin, Retry-After when a window is full."""
    full = tuple((answer["problem"] or {}).get("violated-policies", ()))
    windows = answer["limits"]
    rates = tuple(Rate(one["name"], one["limit"], one["window"]) for one in windows)
    states = tuple(one[name] for one in windows for name in ("remaining", "reset"))
    quota = Allowance(QUOTA, **answer["quota"]) if answer["quota"] else None
    return headers_of(Count(not full, rates, states, full, quota=quota))


def _with_gaps(record: KeyRecord, features: tuple[str, ...], rates: tuple[Rate, ...]) -> bytes:
    """The answer to a key that may pass, with gaps for what remains of each window and when it resets."""
    answer = {"valid": True, "code": "VALID", **_about(record, features), "limits": [], "quota": None, "problem": None}
    before, limits, after = to_json(answer).replace(b"%", b"%%").partition(b'"limits":[')
    windows = b",".join(
        b'{"name":%b,"limit":%d,"remaining":%%d,"reset":%%d,"window":%d}'
        % (to_json(rate.name).replace(b"%", b"%%"), rate.limit, rate.window)
        for rate in rates
    )
    return before + limits + windows + after


def _about(record: KeyRecord | None, features: tuple[str, ...]) -> Answer:
    return {
        "key_id": record.key_id if record else None,
        "entitlement": record.entitlement if record else None,
        "owner": record.owner if record else None,
        "plan": record.plan if record else None,
        "scopes": list(record.scopes) if record else [],
        "features": list(features),
        "ends_at": f"{record.ends_at:%Y-%m-%dT%H:%M:%SZ}" if record and record.ends_at else None,
    }


def _window(allowance: Allowance) -> dict[str, str | int]:
    name, limit, remaining, reset, window = allowance
    return {"name": name, "limit": limit, "remaining": remaining, "reset": reset, "window": window}


def _quota(allowance: Allowance) -> dict[str, int]:
    _, limit, remaining, reset, window = allowance
    return {"limit": limit, "remaining": remaining, "reset": reset, "window": window}
