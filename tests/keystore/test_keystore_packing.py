"""A packed record comes back as it was."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystore.packing import pack, unpack
from keystore.verdict import KeyRecord, Period

moments = st.datetimes(timezones=st.just(UTC))
words = st.text(max_size=40)
periods = st.builds(Period, words, moments, st.none() | moments)
records = st.builds(
    KeyRecord,
    **dict.fromkeys(("key_id", "pepper", "key_status", "entitlement", "reference", "plan", "ent_status"), words),
    mac=st.binary(max_size=32),
    scopes=st.lists(words, max_size=3).map(tuple),
    owner=st.none() | words,
    limits=st.none() | st.dictionaries(words, st.integers(1, 10**9), max_size=3),
    version=st.integers(1, 2**40),
    used=st.booleans(),
    periods=st.lists(periods, max_size=3).map(tuple),
    **dict.fromkeys(("key_expires_at", "ends_at", "grace_ends_at"), st.none() | moments),
)


@given(records)
def test_a_record_comes_back_as_it_was(record):
    assert unpack(pack(record)) == record


RECORD = KeyRecord("key_1", b"", "v1", "active", None, (), "ent_1", None, "ord_1", "pro", "active", None, None, None, 1)


@pytest.mark.parametrize("end", [datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_no_moment_is_too_odd(end):
    record = RECORD._replace(ends_at=end, periods=(Period("one", end, end),))
    assert unpack(pack(record)) == record
