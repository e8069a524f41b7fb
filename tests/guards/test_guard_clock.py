"""Nobody reads the clock where `now` is an argument."""

import house
import pytest

WALL = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns")
TICKING = (*WALL, "time.monotonic", "monotonic", "perf_counter", "time.perf_counter")
PURE = ("app/ledger", "app/matching.py", "app/idempotency.py", "app/return_urls.py")


def readings(places, names):
    """Calls of a clock; naming one as a default (`clock=time.monotonic`) is no call."""
    return [
        house.name(path, call)
        for path in house.files(*places)
        for called, call in house.calls(path)
        if called.endswith(names)
    ]


def test_the_keystore_is_told_the_time_but_for_the_default_clock_of_its_counter():
    assert {found.partition(":")[0] for found in readings(["keystore"], TICKING)} <= {"keystore/limits/memory.py"}


@pytest.mark.parametrize("place", PURE)
def test_pure_code_is_told_the_time(place):
    assert readings([place], TICKING) == []


def test_steps_take_the_time_from_their_tollgate():
    steps = ["app/*.py", "app/web", "app/catalog_file", "app/config"]
    assert [found.partition(":")[0] for found in readings(steps, WALL)] == ["app/factory.py"]


def test_providers_read_the_clock_only_as_an_injected_default():
    assert [found.partition(":")[0] for found in readings(["providers"], WALL)] == ["providers/btcpay/__init__.py"]
