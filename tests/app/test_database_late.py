"""A late answer is one request's; only several in a row mean that the database is away."""

import logging
import threading

import pytest
from sqlalchemy import text

from app.db import Database, DatabaseDown


@pytest.fixture
def database(postgresql_url):
    database = Database(postgresql_url)
    ask(database)
    yield database
    database._reads.threads.shutdown()
    database.engine.dispose()


def ask(database, seconds=0.0):
    return database.ask(lambda connection: connection.execute(text(f"SELECT 1 FROM pg_sleep({seconds})")).scalar_one())


def ask_too_much(database):
    with pytest.raises(DatabaseDown):
        ask(database, 0.7)


def test_after_one_the_next_question_is_asked(database):
    ask_too_much(database)

    assert (database.is_resting, ask(database)) == (False, 1)


def test_after_three_nobody_asks_for_a_while_and_the_log_says_so(database, caplog):
    with caplog.at_level(logging.WARNING, logger="app.db"):
        [ask_too_much(database) for _ in range(5)]

    assert database.is_resting
    late = "the database was late with an answer"
    left = "the database is left alone for 0.5 s: TimeoutError"
    assert [record.message for record in caplog.records] == [late, late, left]


def test_an_answer_in_between_shows_that_it_is_there(database):
    [(ask_too_much(database), ask(database)) for _ in range(4)]

    assert not database.is_resting


@pytest.fixture
def no_thread():
    """No thread can be started: there is no room for its stack."""
    threading.stack_size(1 << 47)
    yield
    threading.stack_size(0)


def test_where_no_thread_is_to_be_had_there_is_no_answer_either(postgresql_url, no_thread):
    database = Database(postgresql_url)
    with pytest.raises(DatabaseDown):
        ask(database)
    threading.stack_size(0)
    database._reads._rest_until = 0.0

    assert ask(database) == 1
    database._reads.threads.shutdown()
    database.engine.dispose()


def test_a_step_for_which_there_is_no_thread_is_not_done_later(postgresql_url, no_thread):
    database, done = Database(postgresql_url), []
    with pytest.raises(DatabaseDown):
        database.do(lambda _: done.append("unheard"))
    threading.stack_size(0)
    database._writes._rest_until = 0.0
    database.do(lambda _: done.append("asked again"))
    database._writes.threads.shutdown()
    database.engine.dispose()

    assert done == ["asked again"]
