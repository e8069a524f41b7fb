"""What follows from a key's record and stays the same from one request to the next: worked out once, used while it holds."""

from datetime import UTC, datetime
from typing import NamedTuple

from app.decision import OF_VERDICT, Decision, Outcome, Words, stopped
from app.metering import Terms, terms_of
from app.orders import page_of
from app.tollgate import Tollgate
from keystore.limits import Question
from keystore.plans import Plan
from keystore.verdict import KeyRecord, Verdict, judge, works_until

FOR_EVER = datetime.max.replace(tzinfo=UTC)
NOT_AGAIN = datetime.min.replace(tzinfo=UTC)


class Standing(NamedTuple):
    """A key that works: under which plan, on which terms, and before which moment all of this holds.

    `plainest` counts a request that costs one, unless a newer version is published; None where the terms have a quota, whose period
    moves with the clock.
    """

    record: KeyRecord
    plan: Plan
    terms: Terms
    until: datetime
    plainest: Question | None
    words: Words


def stand(tollgate: Tollgate, record: KeyRecord, now: datetime) -> Standing | Decision:
    """How a key stands at `now`; a refusal where it does not work."""
    verdict = judge(record, now)
    if verdict is not Verdict.VALID:
        return stopped(OF_VERDICT[verdict], record, page_of(tollgate, record.reference))
    plan = tollgate.catalog.plans.get(record.plan)
    if plan is None:  # dropped from the catalogue while somebody holds it: a mistake that must not open the gate
        return Decision(
            Outcome.SUSPENDED, record, detail=f"The plan {record.plan} is unknown here. Contact the operator."
        )
    terms = terms_of(record, plan, now)
    if terms.budget is not None:
        return Standing(record, plan, terms, NOT_AGAIN, None, Words(terms.rates))
    plainest = tollgate.counter.prepare(terms.entitlement, terms.rates, known=record.version)
    return Standing(record, plan, terms, works_until(record) or FOR_EVER, plainest, Words(terms.rates))
