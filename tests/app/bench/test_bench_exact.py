"""To which window an answer belongs."""

import pytest

from app.bench.exact import turn_of

CASES = {
    "at once": (9.1, 3, 12),
    "in the last second of its window": (11.9, 1, 12),
    "sent before the turn, counted after it": (8.99, 3, 12),
    "counted before the turn on a clock that is behind": (9.2, 1, 9),
    "a second and a half on its way": (8.6, 2, 12),
}


@pytest.mark.parametrize(("sent", "reset", "turn"), CASES.values(), ids=CASES)
def test_an_answer_belongs_to_the_window_in_which_it_was_counted(sent, reset, turn):
    assert turn_of(sent, reset, length=3) == turn
