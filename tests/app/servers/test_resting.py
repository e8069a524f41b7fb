"""When answers that wait are given: one after the other, and none too late."""

import pytest

from app.servers.resting import GAP, LONGEST, Pace


def test_those_that_wait_take_turns():
    pace = Pace()

    assert [pace.due(100.0) for _ in range(3)] == pytest.approx([100 + GAP, 100 + 2 * GAP, 100 + 3 * GAP])


def test_none_waits_longer_than_a_proxy_does():
    pace = Pace()
    taken = [pace.due(100.0 + number / 1000) for number in range(256)]

    assert taken == sorted(taken)
    assert max(given - (100.0 + number / 1000) for number, given in enumerate(taken)) == pytest.approx(LONGEST)


def test_after_a_pause_the_next_one_waits_a_single_turn():
    pace = Pace()
    [pace.due(100.0) for _ in range(30)]

    assert pace.due(200.0) == pytest.approx(200 + GAP)
