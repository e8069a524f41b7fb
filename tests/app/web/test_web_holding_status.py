"""One sentence for each way a holder can stand."""

from datetime import UTC, datetime, timedelta

import pytest

from app.holding import Card, Holding
from app.web.holding_status import lasts, stopped
from keystore.verdict import Verdict
from providers.events import AgreementState

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(days=9)
GRACE = SOON + timedelta(days=3)
ACTIVE, PAST_DUE, PAUSED = AgreementState.ACTIVE, AgreementState.PAST_DUE, AgreementState.PAUSED


def stand(verdict=Verdict.VALID, card=None, *, ends_at=SOON, works_until=SOON, next_plan=None):
    return Holding(verdict, "pro", ends_at, works_until, next_plan, SOON if next_plan else None, card)


@pytest.fixture
def reading(web):
    """A visitor who reads English."""
    with web.test_request_context(headers={"Accept-Language": "en"}):
        yield


@pytest.mark.parametrize(
    ("holding", "text"),
    [
        (stand(), "Valid until 10 November 2026, 12:00 UTC."),
        (stand(works_until=GRACE), "Valid until 10 November 2026, 12:00 UTC."),
        (stand(ends_at=NOW, works_until=GRACE), "Your time ended on 1 November 2026, 12:00 UTC. Your key works until 13 November 2026, 12:00 UTC: renew before then."),
        (stand(ends_at=None, works_until=None), "Your key works without an end date."),
        (stand(card=Card(ACTIVE, SOON, None), works_until=GRACE), "Renews by card on 10 November 2026, 12:00 UTC."),
        (stand(card=Card(ACTIVE, NOW, None), works_until=GRACE), "The renewal is being charged; meanwhile your key works until 13 November 2026, 12:00 UTC."),
        (stand(card=Card(ACTIVE, SOON, SOON)), "You cancelled the renewal: your key works until 10 November 2026, 12:00 UTC."),
        (stand(next_plan="team"), "Valid until 10 November 2026, 12:00 UTC. Team starts on 10 November 2026, 12:00 UTC."),
    ],
    ids=["prepaid", "prepaid with grace", "prepaid in grace", "for ever", "renews", "in grace", "cancelled", "plan to come"],
)  # fmt: skip
@pytest.mark.usefixtures("reading")
def test_a_working_key_reads_until_when(holding, text):
    assert (stopped(holding), lasts(holding, NOW)) == (None, text)


@pytest.mark.parametrize(
    ("holding", "title", "words"),
    [
        (stand(Verdict.ENDED), "Your time is over", "It ended on 10 November 2026, 12:00 UTC."),
        (stand(Verdict.ENDED, Card(PAST_DUE, SOON, None)), "Your card could not be charged", "Pay the open invoice, or renew below"),
        (stand(card=Card(PAST_DUE, NOW, None), works_until=GRACE), "Your card could not be charged", "Your key works until 13 November 2026, 12:00 UTC."),
        (stand(Verdict.SUSPENDED, Card(PAUSED, SOON, None)), "Paused", "Manage your card"),
        (stand(Verdict.SUSPENDED), "Suspended", "write to the operator"),
        (stand(Verdict.REVOKED), "Revoked", "does not work any more"),
        (stand(Verdict.REVOKED, Card(PAST_DUE, NOW, None)), "Revoked", "does not work any more"),
    ],
    ids=["ended", "ended unpaid", "past due", "paused", "suspended", "revoked", "revoked unpaid"],
)  # fmt: skip
@pytest.mark.usefixtures("reading")
def test_what_is_wrong_comes_first(holding, title, words):
    _, said, text = stopped(holding)
    assert (said, words in text) == (title, True)


@pytest.mark.parametrize(
    ("holding", "renewable"),
    [
        (stand(), True),
        (stand(card=Card(ACTIVE, SOON, SOON)), True),
        (stand(Verdict.ENDED, Card(PAST_DUE, SOON, None)), True),
        (stand(card=Card(ACTIVE, SOON, None)), False),
        (stand(card=Card(PAST_DUE, SOON, None)), False),
        (stand(Verdict.SUSPENDED), False),
        (stand(ends_at=None, works_until=None), False),
    ],
)
def test_more_time_is_offered_where_it_helps(holding, renewable):
    assert holding.renewable is renewable
