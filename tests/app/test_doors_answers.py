"""The answer of verify as it is written for the plain case is the one that the slower way writes."""

import json
from datetime import UTC, datetime

import pytest

from app.decision import Decision, Outcome, Words
from app.doors.answers import answer_of, identity_of, written
from keystore.plans import QUOTA, Allowance, Count, Plan, Rate
from keystore.verdict import KeyRecord

END = datetime(2027, 1, 31, 12, 30, tzinfo=UTC)
RECORD = KeyRecord("key_1", b"", "v1", "active", None, (), "ent_1", None, "ord_1", "pro", "active", None, None, None, 1)
MINUTE, HOUR = Rate("minute", 600, 60), Rate("hour", 10_000, 3600)
PLAN = Plan("pro", "Pro", (MINUTE, HOUR))


def decision(record=RECORD, plan=PLAN, **changes):
    count = Count(True, (MINUTE, HOUR), (599, 41, 0, 3600))._replace(**changes)
    return Decision(Outcome.ALLOWED, record, plan, count, words=Words(count.rates))


CASES = {
    "as usual": decision(),
    "an end, scopes, an owner": decision(
        RECORD._replace(ends_at=END, scopes=("a:r", "b"), owner="o", limits={"hour": 9})
    ),
    "odd words": decision(RECORD._replace(owner='100 % "limits":[ %d %s {} é \\', plan="%(x)s")),
    "features": decision(plan=Plan("pro", "Pro", (MINUTE,), features=("50 %", '"'))),
    "odd names": decision(rates=(Rate('%d "x"', 1, 1), HOUR)),
    "no windows": decision(rates=(), states=()),
    "a quota": decision(quota=Allowance(QUOTA, 9, 8, 7, 10)),
    "refused": decision(admitted=False, refused=("hour",))._replace(
        outcome=Outcome.RATE_LIMITED, detail="full", words=None
    ),
    "unknown": Decision(Outcome.INVALID_KEY, detail="no"),
}


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
def test_both_ways_write_the_same(given):
    said = answer_of(given, base="https://keys.example", request_id="req_1")

    assert json.loads(written(given, base="https://keys.example", request_id="req_1")) == said


def test_the_numbers_are_of_this_request():
    first = decision()
    later = first._replace(count=first.count._replace(states=(1, 3, 2, 4)))
    limits = [json.loads(written(one, base=None, request_id="r"))["limits"] for one in (first, later)]

    assert [[window["remaining"] for window in one] for one in limits] == [[599, 0], [1, 2]]


def test_a_share_of_the_limits_is_told_as_that_and_the_limits_afterwards():
    whole = decision()
    share = whole._replace(count=whole.count._replace(rates=(MINUTE, HOUR._replace(limit=5_000))))
    said = [json.loads(written(one, base=None, request_id="r"))["limits"] for one in (whole, share, whole)]

    assert [[window["limit"] for window in one] for one in said] == [[600, 10_000], [600, 5_000], [600, 10_000]]


def test_the_headers_of_a_key_cannot_be_changed_for_the_next_request():
    words = Words(PLAN.rates)
    said = identity_of(RECORD, PLAN, words)
    with pytest.raises(TypeError):
        said["X-Tollgate-Owner"] = "somebody"

    assert {} | identity_of(RECORD, PLAN, words) == {
        "X-Tollgate-Key-Id": "key_1",
        "X-Tollgate-Entitlement": "ent_1",
        "X-Tollgate-Owner": "",
        "X-Tollgate-Plan": "pro",
        "X-Tollgate-Scopes": "",
        "X-Tollgate-Features": "",
    }
