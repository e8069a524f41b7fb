"""Laws of the fold, for any facts hypothesis can think of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.ledger import Entry, coverage
from providers.events import PaymentState

START = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = st.integers(0, 400 * 86400)
moments = SECONDS.map(lambda seconds: START + timedelta(seconds=seconds))


@st.composite
def entry(draw, number):
    """One order, one payment; a prepaid term or a card period."""
    paid_at = draw(moments)
    shared = {"amount": 100, "refunded": draw(st.sampled_from([0, 50, 100])), "plan": "pro", "paid_at": paid_at}
    shared |= {
        "id": f"p{number}",
        "order": f"o{number}",
        "checkout": f"c{number}",
        "state": draw(st.sampled_from(list(PaymentState))),
    }
    length = timedelta(seconds=draw(st.integers(1, 40 * 86400)))
    fixed = {"covers_from": paid_at, "covers_to": paid_at + length, "agreement": f"sub{number}"}
    return Entry(**shared, **draw(st.sampled_from([fixed, {"seconds": int(length.total_seconds())}])))


ledgers = st.integers(0, 6).flatmap(lambda size: st.tuples(*(entry(number) for number in range(size))))


def fold(entries, now):
    return coverage(entries, grace=timedelta(days=3), now=now)


def end(cover):
    return cover.ends_at or START


def paid(cover):
    return sum((segment.ends_at - segment.starts_at for segment in cover.segments), timedelta())


@given(ledgers.flatmap(lambda entries: st.tuples(st.just(entries), st.permutations(entries))), moments)
def test_the_order_of_arrival_does_not_matter(pair, now):
    assert fold(pair[0], now) == fold(pair[1], now)


@given(ledgers, entry(99), moments)
def test_more_money_never_shortens(entries, another, now):
    assert end(fold((*entries, another), now)) >= end(fold(entries, now))


@given(ledgers, st.integers(0, 5), moments)
def test_a_refund_never_lengthens(entries, place, now):
    refunded = tuple(
        replace(fact, refunded=fact.amount) if number == place else fact for number, fact in enumerate(entries)
    )
    assert end(fold(refunded, now)) <= end(fold(entries, now))


@given(ledgers, moments)
def test_segments_never_overlap(entries, now):
    segments = fold(entries, now).segments
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(segments))


@given(st.lists(st.integers(1, 40 * 86400), min_size=1, max_size=6), moments)
def test_every_prepaid_second_is_given(lengths, paid_at):
    entries = [
        Entry(f"p{number}", f"o{number}", f"c{number}", PaymentState.PAID, paid_at, "pro", seconds=length)
        for number, length in enumerate(lengths)
    ]
    assert paid(fold(entries, paid_at)) == timedelta(seconds=sum(lengths))
