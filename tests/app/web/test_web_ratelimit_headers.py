import pytest

from app.ratelimit_headers import headers_of
from keystore.plans import Allowance, Count, Rate

MINUTE = Allowance("minute", 600, 598, 41, 60)
MONTH = Allowance("month", 50_000, 49_120, 1_209_600, 2_592_000)
FULL_MINUTE, FULL_HOUR = Allowance("minute", 600, 0, 41, 60), Allowance("hour", 700, 0, 1300, 3600)


def count_of(*allowances, **rest):
    rates = tuple(Rate(one.name, one.limit, one.window) for one in allowances)
    states = [number for one in allowances for number in (one.remaining, one.reset)]
    return Count(admitted=not rest, rates=rates, states=states, **rest)


def test_every_window_is_listed():
    headers = headers_of(count_of(MINUTE, MONTH))
    assert headers["RateLimit-Policy"] == '"minute";q=600;w=60, "month";q=50000;w=2592000'
    assert headers["RateLimit"] == '"minute";r=598;t=41, "month";r=49120;t=1209600'


def test_the_old_headers_tell_the_window_with_least_left():
    headers = headers_of(count_of(MONTH, MINUTE))
    assert [headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == ["600", "598", "41"]


def test_an_unlimited_plan_has_nothing_to_tell():
    assert headers_of(count_of()) == {}


@pytest.mark.parametrize(("refused", "wait"), [(("minute",), "41"), (("minute", "hour"), "1300"), (("hour",), "1300")])
def test_retry_after_waits_for_every_full_window(refused, wait):
    count = count_of(FULL_MINUTE, FULL_HOUR, refused=refused)
    assert headers_of(count)["Retry-After"] == wait


def test_retry_after_is_never_zero():
    count = count_of(Allowance("burst", 1, 0, 0, 1), refused=("burst",))
    assert headers_of(count)["Retry-After"] == "1"


def test_odd_names_are_quoted_as_structured_fields_want_it():
    headers = headers_of(count_of(Allowance('a"b\\c', 1, 1, 1, 1)))
    assert headers["RateLimit"] == '"a\\"b\\\\c";r=1;t=1'
