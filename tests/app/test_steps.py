"""Work in steps comes to the same whoever runs it."""

import pytest

from app.steps import ELSEWHERE, at_once, go_on


class Known(int):
    """A question whose answer is itself."""

    def ask(self):
        return int(self)


def adding():
    """Asks for two numbers, with something slow between them."""
    one = yield Known(1)
    yield ELSEWHERE
    two = yield Known(20)
    return one + two


def test_all_steps_at_once_come_to_what_they_return():
    assert at_once(adding()) == 21


def test_work_without_a_step_is_done_as_well():
    def idle():
        return "done"
        yield

    assert at_once(idle()) == "done"


def test_whoever_goes_on_asks_the_question_at_hand():
    steps = adding()
    first = next(steps)

    assert go_on(steps, first) == 21


def test_what_goes_wrong_at_a_step_goes_wrong_for_who_waits():
    def failing():
        yield Known(1)
        raise KeyError

    with pytest.raises(KeyError):
        at_once(failing())
