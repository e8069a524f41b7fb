"""The gate in steps: it asks one question, and nothing that takes its time is done by the thread that brings the count."""

from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from app import keys
from app.decision import Outcome, Toll
from app.gate import Gate
from app.keys import KeyChanges, KeyOrder
from app.steps import ELSEWHERE, go_on
from keystore import generate


@pytest.fixture
def tollgate(tollgate, redis_counter):
    return replace(tollgate, counter=redis_counter)


@pytest.fixture
def gate(tollgate):
    return Gate(tollgate, monotonic=lambda: 100.0)


@pytest.fixture
def fresh(tollgate):
    """A key that nobody has used."""
    return keys.create(tollgate, KeyOrder("pro", term_days=30), actor="test").api_key.reveal()


@pytest.fixture
def key(gate, fresh):
    """One that was just used, and is known to have been."""
    gate.decide_key(fresh, Toll())
    gate._cache.forget(fresh)
    gate.decide_key(fresh, Toll())
    return fresh


@pytest.fixture
def watched():
    """Follow steps; what each of them was, and the statements that any database heard in the meantime."""

    def _watched(steps):
        said, told = [], []
        note = lambda *seen: said.append(seen[2])  # noqa: E731
        event.listen(Engine, "before_cursor_execute", note)
        with suppress(StopIteration):
            step = next(steps)
            while True:
                told.append(("elsewhere" if step is ELSEWHERE else "question", len(said)))
                step = steps.send(step.ask() if step else None)
        event.remove(Engine, "before_cursor_execute", note)
        return told, len(said)

    return _watched


def test_a_known_key_is_one_question_and_no_statement(gate, key, watched):
    assert watched(gate.deciding(key, Toll())) == ([("question", 0)], 0)


@pytest.mark.parametrize("toll", [Toll(scope="account"), Toll(feature="reports")])
def test_what_it_has_to_show_makes_it_no_other_question(gate, key, watched, toll):
    assert watched(gate.deciding(key, toll)) == ([("question", 0)], 0)


def test_what_is_no_key_is_neither_a_step_nor_a_statement(gate, watched):
    assert watched(gate.deciding("tg_test_nonsense", Toll())) == ([], 0)


def test_a_key_that_nobody_has_is_looked_for_before_there_is_a_step(gate, watched):
    nobodys = generate("test", prefix="tg", seed=b"n" * 32)[1].reveal()

    assert watched(gate.deciding(nobodys, Toll())) == ([], 1)


def test_a_request_that_is_refused_is_no_first_use(gate, fresh, watched):
    gate.decide_key(fresh, Toll(scope="admin"))

    assert [step for step, _ in watched(gate.deciding(fresh, Toll()))[0]] == ["question", "elsewhere"]


def test_a_first_use_is_written_down_elsewhere(gate, fresh, watched):
    steps, said = watched(gate.deciding(fresh, Toll()))

    assert [step for step, _ in steps] == ["elsewhere"]
    assert said > steps[0][1]


def test_a_first_use_is_no_step_more_a_moment_later(gate, fresh, watched):
    gate.decide_key(fresh, Toll())

    assert watched(gate.deciding(fresh, Toll())) == ([("question", 0)], 0)


def test_a_key_that_changed_is_read_anew_elsewhere(tollgate, gate, key, watched):
    key_id = f"key_{key.split('_')[2]}"
    keys.patch(tollgate, key_id, KeyChanges(limits={"minute": 10}), actor="test")
    steps, said = watched(gate.deciding(key, Toll()))

    assert steps == [("question", 0), ("elsewhere", 0)]
    assert said > 0


def test_in_steps_a_request_is_charged_once_and_refused_ones_are_charged_nothing(tollgate, gate, key):
    key_id = f"key_{key.split('_')[2]}"
    keys.patch(tollgate, key_id, KeyChanges(limits={"minute": 4}), actor="test")
    outcomes = [go_on(gate.deciding(key, Toll()), ELSEWHERE).outcome for _ in range(4)]

    assert outcomes == [Outcome.ALLOWED, Outcome.ALLOWED, Outcome.RATE_LIMITED, Outcome.RATE_LIMITED]
