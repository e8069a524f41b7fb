"""How far this machine's clock is from a provider's, by the Date header of an answer."""

from datetime import timedelta

import pytest
from standin import NOW

from providers import clock
from providers.base import Diagnosis

DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


def compared(date, now=NOW):
    return list(clock.compare(date, now, whose="theirs", level="warning", fix="run NTP"))


@pytest.mark.parametrize(
    "date", [None, "", "soon", DATE.removesuffix(" GMT"), DATE.replace("2026", "9" * 5), DATE.replace("2026", "9" * 20)]
)
def test_a_header_that_tells_no_time_says_nothing(date):
    assert compared(date) == []


def test_a_minute_is_no_matter():
    assert compared(DATE, NOW - timedelta(minutes=1)) == [Diagnosis("clock", "ok", "within 60 s of theirs")]


def test_more_than_a_minute_is_told_with_its_cure():
    assert compared(DATE, NOW - timedelta(seconds=61)) == [
        Diagnosis("clock", "warning", "61 s away from theirs", "run NTP")
    ]
