"""Work in steps: written from top to bottom, run by a thread that waits at each step, or by a server that lets its thread go meanwhile.

A step is a question to the counter, which gets its count back. ELSEWHERE is one, too: what follows may take its time (it asks the
database), and a thread that must not be held up leaves it to another one.
"""

from collections.abc import Generator
from typing import Any, TypeVar

from keystore.limits import Question

ELSEWHERE = None

T = TypeVar("T")
Steps = Generator[Question | None, Any, T]  # back comes the Count of a question, nothing of ELSEWHERE


def at_once(steps: Steps[T]) -> T:
    """All of them in this thread; what they come to."""
    return go_on(steps, ELSEWHERE)


def go_on(steps: Steps[T], question: Question | None) -> T:
    """The same from a question on that was not asked yet. The first step of all is to be at none."""
    try:
        while True:
            question = steps.send(question.ask() if question else None)
    except StopIteration as done:
        result: T = done.value
        return result
