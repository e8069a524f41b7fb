"""The fold on tables: what each combination of facts pays for."""

from datetime import UTC, datetime, timedelta

import pytest

from app.ledger import Entry, Ruling, Standing, coverage
from providers.events import AgreementState, PaymentState

DAY = 86400
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
GRACE = timedelta(days=3)


def day(number):
    return NOON + timedelta(days=number)


def term(name="p1", at=0, *, order=None, days=30, plan="pro", state=PaymentState.PAID, **more):
    return Entry(name, order or f"o-{name}", f"c-{name}", state, day(at), plan, amount=1000, seconds=days * DAY, **more)


def period(name, start, end, *, plan="pro", state=PaymentState.PAID, checkout="c-sub", **more):
    return Entry(
        name,
        "o-sub",
        checkout,
        state,
        day(start),
        plan,
        amount=1000,
        covers_from=day(start),
        covers_to=day(end),
        agreement="sub",
        **more,
    )


def fold(*entries, standings=(), rulings=(), now=0):
    return coverage(entries, standings, rulings, grace=GRACE, now=day(now))


def test_nothing_paid_is_pending():
    assert fold().status == "pending"


def test_a_prepaid_term_runs_from_its_payment():
    cover = fold(term())
    assert (cover.status, cover.plan, cover.starts_at, cover.ends_at) == ("active", "pro", day(0), day(30))


def test_an_early_renewal_loses_no_day():
    assert fold(term(), term("p2", 10)).ends_at == day(60)


def test_a_late_renewal_starts_when_it_is_paid():
    cover = fold(term(), term("p2", 40), now=45)
    assert (cover.starts_at, cover.ends_at) == (day(40), day(70))


def test_two_renewals_paid_at_the_same_moment_both_count():
    assert fold(term(), term("p2", 5), term("p3", 5)).ends_at == day(90)


def test_a_card_period_ends_where_its_invoice_says():
    assert fold(period("i1", 0, 31)).ends_at == day(31)


def test_a_prepaid_term_continues_after_the_card_period():
    assert fold(period("i1", 0, 31), term("p1", 3)).ends_at == day(61)


def test_a_card_period_that_overlaps_a_term_pushes_the_term_on():
    assert fold(term("p1", 0), period("i1", 10, 41)).ends_at == day(61)


def test_a_prepaid_term_fills_the_gap_before_a_period_first():
    assert fold(term("p1", 0), period("i1", 20, 51)).ends_at == day(61)


@pytest.mark.parametrize("state", [AgreementState.ACTIVE, AgreementState.PAST_DUE])
def test_grace_follows_a_card_period_that_means_to_go_on(state):
    cover = fold(period("i1", 0, 31), standings=[Standing("sub", state)], now=33)
    assert (cover.status, cover.grace_ends_at) == ("active", day(34))


def test_grace_ends():
    assert fold(period("i1", 0, 31), standings=[Standing("sub", AgreementState.PAST_DUE)], now=34).status == "ended"


def test_no_grace_once_the_end_is_decided():
    standing = Standing("sub", AgreementState.ACTIVE, cancels_at=day(31))
    assert fold(period("i1", 0, 31), standings=[standing]).grace_ends_at is None


def test_a_cancelled_subscription_runs_to_its_end():
    assert fold(period("i1", 0, 31), standings=[Standing("sub", AgreementState.CANCELED)], now=30).status == "active"


def test_a_paused_subscription_is_suspended():
    assert fold(period("i1", 0, 31), standings=[Standing("sub", AgreementState.PAUSED)], now=5).status == "suspended"


def test_renewals_of_one_agreement_are_not_paid_twice():
    cover = fold(period("i1", 0, 31), period("i2", 31, 61))
    assert (cover.held, cover.ends_at) == (frozenset(), day(61))


def test_a_second_checkout_of_the_same_order_is_held():
    cover = fold(term("p1", 0, order="o"), term("p2", 1, order="o"))
    assert (cover.held, cover.ends_at) == (frozenset({"p2"}), day(30))


def test_accepting_a_held_payment_adds_its_term():
    accept = Ruling("accept", day(5), payment="p2")
    assert fold(term("p1", 0, order="o"), term("p2", 1, order="o"), rulings=[accept]).ends_at == day(60)


def test_late_money_counts_from_the_moment_it_is_accepted():
    late = term("p1", 0, state=PaymentState.HELD)
    assert fold(late, rulings=[Ruling("accept", day(3), payment="p1")], now=4).ends_at == day(33)


def test_late_money_alone_grants_nothing():
    assert fold(term(state=PaymentState.HELD)).status == "pending"


@pytest.mark.parametrize("state", [PaymentState.REFUNDED, PaymentState.LOST])
def test_money_that_went_back_covers_nothing(state):
    assert fold(term(state=state)).status == "ended"


def test_a_full_refund_known_by_its_own_fact_covers_nothing():
    assert fold(term(refunded=1000)).status == "ended"


def test_a_partial_refund_still_covers():
    assert fold(term(refunded=999)).ends_at == day(30)


def test_refunding_the_first_payment_does_not_promote_the_held_one():
    cover = fold(term("p1", 0, order="o", refunded=1000), term("p2", 1, order="o"))
    assert (cover.status, cover.held) == ("ended", frozenset({"p2"}))


def test_an_open_dispute_suspends():
    assert fold(term(state=PaymentState.DISPUTED)).status == "suspended"


def test_a_dispute_takes_no_time_away():
    assert fold(term(state=PaymentState.DISPUTED)).ends_at == day(30)


def test_the_next_term_of_another_plan_starts_after_the_first():
    first, second = term("p1", 0, plan="pro"), term("p2", 5, plan="team")
    assert (fold(first, second, now=29).plan, fold(first, second, now=31).plan) == ("pro", "team")


def test_a_subscription_changed_at_the_provider_moves_its_running_period():
    assert (
        fold(period("i1", 0, 31), standings=[Standing("sub", AgreementState.ACTIVE, plan="team")], now=2).plan == "team"
    )


def test_an_upgrade_that_is_not_paid_does_not_work_yet():
    assert (
        fold(period("i1", 0, 31), standings=[Standing("sub", AgreementState.PAST_DUE, plan="team")], now=2).plan
        == "pro"
    )


def test_an_operators_plan_holds_for_what_was_paid_before():
    assert fold(term(), rulings=[Ruling("plan", day(2), plan="team")], now=3).plan == "team"


def test_the_next_payment_buys_its_own_plan_again():
    assert fold(term("p1", 0), term("p2", 31), rulings=[Ruling("plan", day(2), plan="team")], now=32).plan == "pro"


def test_an_extension_adds_days_at_the_end():
    assert fold(term(), rulings=[Ruling("extend", day(2), seconds=7 * DAY)]).ends_at == day(37)


def test_a_grant_without_term_is_for_ever():
    cover = fold(rulings=[Ruling("grant", day(0), plan="pro")], now=9999)
    assert (cover.status, cover.plan, cover.ends_at) == ("active", "pro", None)


@pytest.mark.parametrize(
    ("kinds", "status"), [("suspend", "suspended"), ("suspend restore", "active"), ("revoke", "revoked")]
)
def test_the_last_word_of_an_operator_stands(kinds, status):
    rulings = [Ruling(kind, day(1 + place)) for place, kind in enumerate(kinds.split())]
    assert fold(term(), rulings=rulings, now=5).status == status


@pytest.mark.parametrize(("now", "status"), [(30, "active"), (32, "active"), (33, "ended")])
def test_a_prepaid_term_works_on_in_its_grace_and_is_ended_then(now, status):
    cover = fold(term(), now=now)
    assert (cover.status, cover.ends_at, cover.grace_ends_at) == (status, day(30), day(33))


@pytest.mark.parametrize(("days", "grace"), [(1, 0.1), (7, 0.7), (365, 3)])
def test_the_grace_of_a_prepaid_term_is_at_most_a_tenth_of_it(days, grace):
    assert fold(term(days=days)).grace_ends_at == day(days + grace)


def test_the_last_term_measures_the_grace_whatever_came_before_it():
    assert fold(term(), term("p2", 29, days=1), now=30).grace_ends_at == day(31.1)


def test_no_grace_follows_a_gift():
    assert fold(rulings=[Ruling("grant", day(0), plan="pro", seconds=30 * DAY)], now=30).status == "ended"


def test_what_never_ends_needs_no_grace():
    assert fold(Entry("p1", "o", "c", PaymentState.PAID, day(0), "pro", amount=1000)).grace_ends_at is None


def test_of_two_payments_in_one_second_the_order_made_first_comes_first():
    second, first = term("a", 0, plan="team", opened_at=day(0)), term("b", 0, plan="pro", opened_at=day(-1))
    assert fold(second, first, now=1).plan == "pro"
