"""Which stretches of paid time the ledger counts together."""

from datetime import UTC, datetime, timedelta

import pytest

from app.ledger import Entry, Ruling, coverage, periods_from
from providers.events import PaymentState

DAY = 86400
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def day(number):
    return NOON + timedelta(days=number)


def term(name, at=0, *, days=30, plan="pro"):
    return Entry(name, f"o-{name}", f"c-{name}", PaymentState.PAID, day(at), plan, amount=1000, seconds=days * DAY)


def invoice(name, start, end, *, plan="pro"):
    covers = {"covers_from": day(start), "covers_to": day(end), "agreement": "sub"}
    return Entry(name, "o-sub", "c-sub", PaymentState.PAID, day(start), plan, amount=1000, **covers)


def periods(*entries, rulings=(), now=0):
    """Where the current period and those to come begin and end, in days, and whether each is another one."""
    segments = coverage(entries, (), rulings, grace=timedelta(0), now=day(now)).segments
    joined = periods_from(segments, day(now))
    return [((one.starts_at - NOON).days, (one.ends_at - NOON).days) for one in joined], [one.period for one in joined]


def test_each_term_is_a_period():
    assert periods(term("a"), term("b", 3))[0] == [(0, 30), (30, 60)]


def test_a_period_that_is_over_is_left_out():
    assert periods(term("a"), term("b", 3), now=30)[0] == [(30, 60)]


def test_each_invoice_of_a_card_is_a_period():
    assert periods(invoice("i1", 0, 30), invoice("i2", 30, 61))[0] == [(0, 30), (30, 61)]


def test_a_change_of_plan_within_a_card_period_stays_in_it():
    assert periods(invoice("i1", 0, 30), invoice("i2", 12, 30, plan="team"))[0] == [(0, 30)]


def test_a_term_that_a_card_period_interrupts_goes_on_as_the_same_period():
    stretches, names = periods(term("a"), invoice("i1", 10, 40))

    assert (stretches, names[0] == names[2], names[0] == names[1]) == ([(0, 10), (10, 40), (40, 60)], True, False)


@pytest.mark.parametrize("kind", ["grant", "extend"])
def test_what_an_operator_gives_is_a_period_of_its_own(kind):
    assert periods(term("a"), rulings=[Ruling(kind, day(5), 10 * DAY, "pro")])[0] == [(0, 30), (30, 40)]


def test_another_plan_by_an_operator_is_no_new_period():
    changed = periods(term("a"), rulings=[Ruling("plan", day(5), plan="team")], now=6)

    assert changed == periods(term("a"), now=6)


def test_the_period_keeps_its_name_when_an_earlier_term_is_refunded():
    assert periods(term("b", 3))[1] == [periods(term("a"), term("b", 3))[1][1]]


def test_the_period_keeps_its_name_when_its_payment_is_dated_otherwise():
    assert periods(term("a", 0))[1] == periods(term("a", 1), now=1)[1]
