"""The small readers: money, signatures, other people's JSON, and the checker of sent requests."""

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from sent_requests import SPECS, complaints

from providers.events import Money
from providers.money import from_decimal, to_decimal
from providers.reading import dig, flag, ident, moment, number, objects, text
from providers.signing import sign, signed_by_any

CURRENCIES = ["USD", "JPY", "KWD", "BTC", "SATS"]


@given(amount=st.integers(-(10**17), 10**17), currency=st.sampled_from(CURRENCIES))
def test_money_survives_the_way_to_text_and_back(amount, currency):
    assert from_decimal(to_decimal(Money(amount, currency)), currency) == Money(amount, currency)


@pytest.mark.parametrize(
    ("value", "currency"),
    [(1.1, "USD"), (True, "USD"), (None, "USD"), ("1", ""), ("1", None), ("1", 3), ("sNaN", "USD")],
)
def test_what_is_no_amount_is_none(value, currency):
    assert from_decimal(value, currency) is None


@given(value=st.one_of(st.text(), st.decimals(), st.integers(), st.lists(st.integers()), st.tuples(st.integers())))
def test_reading_an_amount_never_raises(value):
    found = from_decimal(value, "USD")
    assert found is None or abs(found.amount) < 10**18


@given(secret=st.text(min_size=1).filter(str.strip), message=st.binary())
def test_what_one_of_the_secrets_signed_is_signed(secret, message):
    assert signed_by_any(("another", secret), message, sign(secret, message))


@given(signature=st.text())
def test_a_signature_of_any_text_is_compared_without_raising(signature):
    assert not signed_by_any(("secret",), b"message", signature)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
)


@pytest.mark.parametrize("read", [dig, text, number, flag, moment, objects, ident])
@given(value=ANYTHING)
def test_reading_other_peoples_json_never_raises(read, value):
    read(value, "a", "b")


needs_specs = pytest.mark.skipif(
    not SPECS.exists(),
    reason="the providers' descriptions do not lie beside this checkout: sent requests went unchecked",
)


def form(**fields: str) -> requests.PreparedRequest:
    return requests.Request("POST", "https://stripe.test/v1/checkout/sessions", data=fields).prepare()


@needs_specs
@pytest.mark.parametrize(
    "fields",
    [
        {"payment_method_types[0]": "card"},
        {"mode": "gift"},
        {"expires_at": "soon"},
        {"line_items[0][colour]": "red"},
        {"metadata": "x"},
    ],
)
def test_the_checker_complains_about_what_stripe_does_not_describe(fields):
    assert complaints("stripe", form(**fields))


@needs_specs
@pytest.mark.parametrize(
    "body", [{"orderId": "ord_1"}, {"checkout": {"speed": 1}}, {"checkout": {"paymentTolerance": 101}}, {"amount": 3}]
)
def test_the_checker_complains_about_what_btcpay_does_not_describe(body):
    assert complaints(
        "btcpay", requests.Request("POST", "https://btcpay.test/api/v1/stores/S/invoices", json=body).prepare()
    )


@needs_specs
def test_the_checker_has_nothing_against_what_is_described():
    assert (
        complaints(
            "stripe", form(**{"mode": "payment", "line_items[0][quantity]": "1", "metadata[tollgate_order]": "ord_1"})
        )
        == []
    )
