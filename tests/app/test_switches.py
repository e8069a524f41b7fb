"""What was taken off sale goes on to hold while the database is away."""

import pytest
from sqlalchemy import create_engine

from app.db import DatabaseDown
from app.operators import plans
from app.switches import Switches


@pytest.fixture
def is_off(tollgate, clock):
    """Whether a plan is off sale now, as one process sees it."""
    switches = Switches()

    def _is_off(plan="pro"):
        return switches.is_off(tollgate.db, plan, "stripe", now=clock())

    return _is_off


@pytest.fixture
def away(tollgate, tmp_path):
    """A database that refuses, for as long as it is used."""
    good, bad = tollgate.db.engine, create_engine(f"sqlite:///{tmp_path}/no/such/place.db")
    yield lambda: setattr(tollgate.db, "engine", bad)
    tollgate.db.engine = good
    bad.dispose()


def test_a_change_of_another_process_is_seen_a_few_seconds_later(tollgate, clock, is_off):
    before = is_off()
    plans.switch(tollgate, "pro", on_sale=False, actor="test")
    at_once = is_off()
    clock.forward(seconds=3)
    assert (before, at_once, is_off()) == (False, False, True)


def test_while_the_database_is_away_what_was_read_last_holds(tollgate, clock, is_off, away):
    plans.switch(tollgate, "pro", on_sale=False, actor="test")
    is_off()
    away()
    clock.forward(hours=1)
    assert (is_off("pro"), is_off("team")) == (True, False)


def test_where_nothing_was_ever_read_nothing_is_said(is_off, away):
    away()
    with pytest.raises(DatabaseDown):
        is_off()


def test_a_database_that_is_away_is_not_asked_by_everybody(tollgate, clock, is_off, away):
    is_off()
    away()
    clock.forward(seconds=3)
    is_off()
    tollgate.db._reads._rest_until = 0.0
    is_off()
    assert not tollgate.db.is_resting
