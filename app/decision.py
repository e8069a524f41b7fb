"""The gate's words: what a request has to pay and show, and what we tell it. PURE."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Protocol

from keystore.periods import quota_of
from keystore.plans import QUOTA, Count, Plan, Rate, rates_of
from keystore.verdict import KeyRecord, Verdict


class Outcome(StrEnum):
    """What we tell a request; refusals are the stable codes of the HTTP surface."""

    ALLOWED = "allowed"
    MISSING_KEY = "missing_key"
    AMBIGUOUS_KEY = "ambiguous_key"
    INVALID_KEY = "invalid_key"
    REVOKED_KEY = "revoked_key"
    PAYMENT_REQUIRED = "payment_required"
    ENDED = "ended"
    SUSPENDED = "suspended"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"


OF_VERDICT = {
    Verdict.PENDING: Outcome.PAYMENT_REQUIRED,
    Verdict.ENDED: Outcome.ENDED,
    Verdict.SUSPENDED: Outcome.SUSPENDED,
    Verdict.REVOKED: Outcome.REVOKED_KEY,
    Verdict.EXPIRED: Outcome.REVOKED_KEY,
}


PAYING_HELPS = frozenset({Outcome.PAYMENT_REQUIRED, Outcome.ENDED, Outcome.SUSPENDED})
DETAIL = {
    Outcome.PAYMENT_REQUIRED: "This key starts to work when its order is paid. Pay at order_url.",
    Outcome.ENDED: "The time paid for is over. Renew at order_url.",
    Outcome.SUSPENDED: "This key is suspended. See order_url, or contact the operator.",
    Outcome.REVOKED_KEY: "This key was revoked or replaced. Use the key that replaced it.",
}
WITHOUT_PAGE = {  # keys that an operator gave away
    Outcome.ENDED: "The time of this key is over. Renew it with POST /v1/renewals, or ask the operator.",
    Outcome.SUSPENDED: "This key is suspended. Contact the operator.",
}


SCOPES = re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*")  # RFC 6750


@dataclass(frozen=True, slots=True)
class Toll:
    """What one request has to pay and to show. `scope`: one or several, with spaces between; all are needed.

    `peek` charges nothing and tells whether the request would pass.
    """

    cost: int = 1
    scope: str | None = None
    feature: str | None = None
    peek: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for what would give requests away: a cost below 1, an empty scope or feature, and what is none."""
        if type(self.cost) is not int or self.cost < 1:
            raise ValueError("a request costs a whole number, at least 1")
        if self.scope is not None and not (isinstance(self.scope, str) and SCOPES.fullmatch(self.scope)):
            raise ValueError("a scope is a word, or several with one space between")
        if self.feature is not None and not (isinstance(self.feature, str) and self.feature):
            raise ValueError("a feature is a word")


PLAIN = Toll()


@dataclass(slots=True, eq=False)
class Words:
    """What doors say to a key that passes, as far as it stays the same: worked out once, and found here again.

    `answer` has gaps for `states`, and holds while a count is of these `rates`.
    """

    rates: tuple[Rate, ...]
    answer: bytes | None = None
    identity: Mapping[str, str] | None = None


class Decision(NamedTuple):
    """The answer to one request. `count` is there when limits were read, `order_url` when paying would help, `words` when it passes."""

    outcome: Outcome
    record: KeyRecord | None = None
    plan: Plan | None = None
    count: Count | None = None  # type: ignore[assignment]  # hides a method of tuples that nobody calls
    order_url: str | None = None
    detail: str = ""
    words: Words | None = None


def stopped(outcome: Outcome, record: KeyRecord, page: str | None) -> Decision:
    """A key that does not work now. `page`: where its holder can do something about it, if they have one."""
    if page is None:
        return Decision(outcome, record, detail=WITHOUT_PAGE.get(outcome, DETAIL[outcome]))
    return Decision(outcome, record, order_url=page if outcome in PAYING_HELPS else None, detail=DETAIL[outcome])


MALFORMED = Decision(Outcome.INVALID_KEY, detail="This is not a key of ours: its shape or checksum is wrong.")


UNKNOWN = Decision(Outcome.INVALID_KEY, detail="There is no such key.")


class Denied(Exception):
    """A refusal on its way to the edge. `scope`: what the endpoint asks for."""

    def __init__(self, decision: Decision, *, scope: str | None = None) -> None:
        super().__init__(decision.outcome.value)
        self.decision = decision
        self.scope = scope


class Headers(Protocol):
    """What we need of request headers: names are case-insensitive there."""

    def get(self, name: str, /) -> str | None:
        """The value of a header."""


class RequestHeaders:
    """The two headers that may hold a key, where WSGI keeps them."""

    __slots__ = ("_environ",)
    _PLACES: ClassVar = {"X-API-Key": "HTTP_X_API_KEY", "Authorization": "HTTP_AUTHORIZATION"}

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def get(self, name: str, /) -> str | None:
        """The value of one of the two."""
        return self._environ.get(self._PLACES[name])


def missing(toll: Toll, record: KeyRecord, plan: Plan) -> str:
    """What this key lacks for such a request, in words; empty when nothing. No waiting or paying again would help."""
    lacking = [scope for scope in toll.scope.split() if scope not in record.scopes] if toll.scope else ()
    if lacking:
        return f"This key lacks the scope {' '.join(lacking)}."
    if toll.feature and toll.feature not in plan.features:
        return f"The plan {plan.slug} does not include {toll.feature}."
    return never_fits(toll.cost, record, plan) if toll.cost > 1 else ""


def never_fits(cost: int, record: KeyRecord, plan: Plan) -> str:
    """Which limit could not hold a request of this cost however empty it were, in words; empty when none."""
    for rate in rates_of(plan, record.limits):
        if cost > rate.limit:
            return f"A request that costs {cost} can never pass: the limit is {rate.limit} per {rate.window} s."
    quota = quota_of(plan, record)
    if quota is not None and cost > quota:
        return f"A request that costs {cost} can never pass: the quota is {quota} per paid period."
    return ""


def key_text(headers: Headers) -> str | Decision:
    """What was sent as `X-API-Key` or `Authorization: Bearer`; a refusal when there is none or two that differ."""
    direct = (headers.get("X-API-Key") or "").strip()
    if "," in direct:  # no key has one: servers put it between two headers of one name
        return Decision(Outcome.AMBIGUOUS_KEY, detail="X-API-Key holds several keys. Send one.")
    authorization = headers.get("Authorization")
    if direct and not authorization:
        return direct
    scheme, _, bearer = (authorization or "").partition(" ")
    bearer = bearer.strip() if scheme.lower() == "bearer" else ""
    text = direct or bearer
    if not text:
        return Decision(
            Outcome.MISSING_KEY, detail="Send your key in the X-API-Key header, or as Authorization: Bearer."
        )
    if direct and bearer and direct != bearer:
        return Decision(Outcome.AMBIGUOUS_KEY, detail="X-API-Key and Authorization hold different keys. Send one.")
    return text


def outcome_of(count: Count) -> Outcome:
    """What the limits say. The quota first: it lasts longer than any window."""
    if count.admitted:
        return Outcome.ALLOWED
    return Outcome.QUOTA_EXCEEDED if QUOTA in count.refused else Outcome.RATE_LIMITED


def limit_detail(count: Count, plan: Plan | None, now: datetime) -> str:
    """Which limit is reached, in words; empty when none is."""
    name = plan.slug if plan else "?"
    full = [allowance for allowance in count.allowances if allowance.name in count.refused]
    said = [f"{a.limit} per {a.window} s on plan {name}" for a in full]
    if QUOTA in count.refused and count.quota:
        ends_at = now + timedelta(seconds=count.quota.reset)
        said.append(
            f"{count.quota.limit} per paid period on plan {name}; this one ends at {ends_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    return "; ".join(said)
