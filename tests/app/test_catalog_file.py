"""The catalogue file: what it may say, and where each mistake stands."""

from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog import NotOnSale
from app.catalog_file import CatalogError, read, words
from keystore.plans import Quota, Rate
from providers.events import Money

SHIPPED = Path(__file__).parents[2] / "catalog.toml"
BITCOIN = '[plans.pro.btcpay]\namount = "12.00"\ncurrency = "USD"\nterm = "30 days"\n'


@pytest.fixture
def load(tmp_path):
    def _load(text, environ=None, **more):
        path = tmp_path / "catalog.toml"
        path.write_text(text)
        return read(path, environ or {}, **more)

    return _load


@pytest.fixture
def mistakes(load):
    def _mistakes(text, environ=None, **more):
        with pytest.raises(CatalogError) as caught:
            load(text, environ, **more)
        return caught.value.mistakes

    return _mistakes


def test_the_shipped_catalogue_sells_three_plans_for_bitcoin():
    catalog = read(SHIPPED, {}, providers=("btcpay",))

    assert [catalog.offer(plan, "btcpay").money for plan in catalog.plans] == [
        Money(n, "USD") for n in (1200, 3900, 9900)
    ]


def test_the_shipped_limits_are_per_minute():
    catalog = read(SHIPPED, {})

    assert [plan.rates for plan in catalog.plans.values()] == [(Rate("minute", n, 60),) for n in (600, 2400, 10_000)]


@pytest.mark.parametrize("plan", ["pro", "team", "enterprise"])
def test_limits_and_prices_of_the_shipped_plans_come_from_the_environment(plan):
    name = plan.upper()
    catalog = read(SHIPPED, {f"RATE_LIMIT_{name}": "3", f"PRICE_ID_{name}": "price_1"}, providers=("stripe",))

    assert catalog.plan(plan).rates == (Rate("minute", 3, 60),)
    assert catalog.offer(plan, "stripe").price == "price_1"


@pytest.mark.parametrize("environ", [{}, {"PRICE_ID_PRO": ""}])
def test_a_price_whose_variable_is_unset_is_not_on_offer(environ):
    catalog = read(SHIPPED, environ)

    with pytest.raises(NotOnSale):
        catalog.offer("pro", "stripe")


def test_a_configured_rail_without_any_offer_is_refused_and_says_which_variables_would_help():
    with pytest.raises(CatalogError, match="PRICE_ID_PRO or PRICE_ID_TEAM or PRICE_ID_ENTERPRISE"):
        read(SHIPPED, {}, providers=("stripe",))


def test_retired_prices_stay_mapped_to_their_plan(load):
    catalog = load('[plans.pro.stripe]\nprice = "price_2"\nretired = ["price_1"]\n')

    assert catalog.find_plan_of_price("stripe", "price_1") == "pro"


def test_retired_prices_stay_mapped_while_no_new_one_is_set(load):
    catalog = load('[plans.pro.stripe]\nprice = "${NEW}"\nretired = ["price_1", "${OLDER}"]\n')

    assert catalog.find_plan_of_price("stripe", "price_1") == "pro"


def test_everything_an_offer_by_card_may_say_is_read(load):
    text = '[plans.pro.stripe]\nprice="p"\nmode="payment"\namount="9.90"\ncurrency="eur"\nterm="4 weeks"\npromotion_codes=true\nautomatic_tax=true\n'

    offer = load(text).offer("pro", "stripe")

    assert (offer.recurring, offer.money, offer.term) == (False, Money(990, "EUR"), timedelta(days=28))
    assert (offer.promotion_codes, offer.automatic_tax) == (True, True)


def test_late_money_may_be_accepted(load):
    assert load(BITCOIN + 'late = "accept"\n').offer("pro", "btcpay").late == "accept"


@pytest.mark.parametrize("text", ["[plans.pro]\non_sale = false\n" + BITCOIN, BITCOIN + "on_sale = false\n"])
def test_what_is_taken_off_sale_is_kept_but_not_sold(load, text):
    catalog = load(text)

    assert catalog.plan("pro").slug == "pro"
    with pytest.raises(NotOnSale):
        catalog.offer("pro", "btcpay")


def test_a_plan_may_have_several_windows_and_a_quota(load):
    plan = load(
        '[plans.pro]\nrates = { burst = "50/10s", minute = "600/minute" }\nquota = "${Q:-50000} per period"\n' + BITCOIN
    ).plan("pro")

    assert plan.rates == (Rate("burst", 50, 10), Rate("minute", 600, 60))
    assert plan.quota == Quota(50_000)


@pytest.mark.parametrize(
    ("text", "where", "line"),
    [
        ("[plans.pro]\nnmae = 'x'\n" + BITCOIN, "plans.pro.nmae", 2),
        ("typo = 1\n" + BITCOIN, "typo", 1),
        (BITCOIN + "prize = 'x'\n", "plans.pro.btcpay.prize", 5),
        ("[plans.pro]\nname = 'x'\n", "plans.pro", 1),
        ("", "plans", None),
        ("[plans.Pro]\non_sale = false\n", "plans.Pro", 1),
        ("[plans.pro]\nname = 3\n" + BITCOIN, "plans.pro.name", 2),
        ("[plans.pro]\nname = '${NAME}'\n" + BITCOIN, "plans.pro.name", 2),
        ("[plans.pro]\non_sale = 'no'\n" + BITCOIN, "plans.pro.on_sale", 2),
        ("[plans.pro]\nfeatures = 'x'\n" + BITCOIN, "plans.pro.features", 2),
        ("[plans.pro]\nfeatures = [1]\n" + BITCOIN, "plans.pro.features", 2),
        ("[plans.pro]\nrates = 600\n" + BITCOIN, "plans.pro.rates", 2),
        ("[plans.pro]\nrates = { minute = 600 }\n" + BITCOIN, "plans.pro.rates.minute", 2),
        ("[plans.pro]\nrates = { minute = '0/minute' }\n" + BITCOIN, "plans.pro.rates.minute", 2),
        ("[plans.pro]\nrates = { quota = '5/minute' }\n" + BITCOIN, "plans.pro.rates.quota", 2),
        ("[plans.pro.rates]\na = '5/minute'\nb = '9/60s'\n" + BITCOIN, "plans.pro.rates.b", 3),
        ("[plans.pro]\nquota = '5 a month'\n" + BITCOIN, "plans.pro.quota", 2),
        ("[plans.pro.stripe]\nterm = '30 days'\n", "plans.pro.stripe.price", 1),
        ("[plans.pro.stripe]\nprice = 'prod_1'\n", "plans.pro.stripe.price", 2),
        ("[plans.pro.stripe]\nprice = 'p'\nmode = 'rent'\n", "plans.pro.stripe.mode", 3),
        ("[plans.pro.stripe]\nprice = 'p'\nmode = 'subscription'\nterm = '30 days'\n", "plans.pro.stripe.term", 4),
        ("[plans.pro.stripe]\nprice = 'p'\namount = '1.00'\n", "plans.pro.stripe.currency", 1),
        ("[plans.pro.stripe]\nprice = 'p'\nretired = ['p']\n", "plans.pro.stripe.price", 2),
        ("[plans.a.stripe]\nprice = 'p'\n[plans.b.stripe]\nprice = 'p'\n", "plans.b.stripe.price", 4),
        (BITCOIN.replace('"12.00"', "12.0"), "plans.pro.btcpay.amount", 2),
        (BITCOIN.replace("12.00", "12.001"), "plans.pro.btcpay.amount", 2),
        (BITCOIN.replace("USD", "UDS"), "plans.pro.btcpay.amount", 2),
        (BITCOIN.replace('term = "30 days"\n', ""), "plans.pro.btcpay.term", 1),
        (BITCOIN.replace("30 days", "1 month"), "plans.pro.btcpay.term", 4),
        (BITCOIN + "late = 'never'\n", "plans.pro.btcpay.late", 5),
    ],
)
def test_a_mistake_is_named_with_its_place(mistakes, text, where, line):
    assert (where, line) in [(mistake.where, mistake.line) for mistake in mistakes(text)]


def test_all_mistakes_are_reported_at_once(mistakes):
    found = mistakes("x = 1\n[plans.pro]\nquota = 'y'\nrates = { a = 'z' }\n")

    assert {mistake.where for mistake in found} == {"x", "plans.pro", "plans.pro.quota", "plans.pro.rates.a"}


def test_the_text_of_the_error_has_file_and_line(load, tmp_path):
    with pytest.raises(CatalogError) as caught:
        load("[plans.pro]\nnmae = 'x'\n" + BITCOIN)

    assert f"{tmp_path / 'catalog.toml'}:2: plans.pro.nmae" in str(caught.value)


@pytest.mark.parametrize("content", [b"[plans", b"\xff\xfe"])
def test_what_is_not_toml_is_refused(tmp_path, content):
    (tmp_path / "catalog.toml").write_bytes(content)

    with pytest.raises(CatalogError, match="not TOML"):
        read(tmp_path / "catalog.toml", {})


def test_a_missing_file_says_which_setting_names_it(tmp_path):
    with pytest.raises(CatalogError, match="CATALOG"):
        read(tmp_path / "nowhere.toml", {})


@pytest.mark.parametrize(
    ("text", "limit", "window"),
    [
        ("600/minute", 600, 60),
        ("10 per second", 10, 1),
        ("50/10s", 50, 10),
        ("50 / 10 seconds", 50, 10),
        ("5/hour", 5, 3600),
        ("9/DAY", 9, 86_400),
    ],
)
def test_a_rate_is_written_in_several_ways(text, limit, window):
    assert words.rate("x", text) == Rate("x", limit, window)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "600",
        "0/minute",
        "-5/minute",
        "1000000001/minute",
        "9" * 30 + "/day",
        "5/month",
        "5/week",
        "5/0s",
        "5/2days",
        "1.5/minute",
        "minute/5",
    ],
)
def test_a_rate_that_is_none_or_absurd_is_refused(text):
    with pytest.raises(ValueError):
        words.rate("x", text)


@pytest.mark.parametrize("text", ["", "30", "0 days", "-1 days", "1 month", "1 year", "9" * 30 + " days", "5000 days"])
def test_a_term_that_is_none_or_absurd_is_refused(text):
    with pytest.raises(ValueError):
        words.term(text)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.00", "USD", 1200),
        ("12", "usd", 1200),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("0.001", "BTC", 100_000),
        ("2500", "SATS", 2500),
    ],
)
def test_amounts_become_minor_units_exactly(amount, currency, minor):
    assert words.price(amount, currency) == Money(minor, currency.upper())


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("12.001", "USD"), ("1.5", "JPY"), ("0", "USD"), ("-1", "USD"), ("NaN", "USD"), ("Infinity", "USD"), ("1e99", "USD"), ("", "USD"), ("12,00", "USD"), ("1", "XYZ"), ("0.000000001", "BTC"), ("99999999", "USD")],
)  # fmt: skip
def test_an_amount_that_is_none_or_inexact_is_refused(amount, currency):
    with pytest.raises(ValueError):
        words.price(amount, currency)


@pytest.mark.parametrize(
    "parse", [partial(words.rate, "x"), words.quota, words.term, partial(words.price, currency="USD")]
)
@given(text=st.text(max_size=30) | st.from_regex(r"-?[0-9]{1,40} ?(/|per)? ?[a-z]{0,7}", fullmatch=True))
def test_no_text_makes_the_little_words_fail_in_another_way(parse, text):
    with suppress(ValueError):
        assert parse(text)
