"""The schema goes up, comes down, is what the models say, and survives two processes starting at once."""

import subprocess
import sys

import pytest
from sqlalchemy import inspect

from app.db import make_engine
from app.models import Base
from keystore.models import Base as KeystoreBase
from migrations import runner

ALL_TABLES = {*Base.metadata.tables, *KeystoreBase.metadata.tables}


def tables(url):
    engine = make_engine(url)
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_an_upgraded_database_is_what_the_models_say(empty_url):
    runner.upgrade(empty_url)

    assert runner.differences(empty_url) == []


def test_an_upgrade_makes_every_table_and_names_its_revision(empty_url):
    assert [runner.upgrade(empty_url)] == runner.heads()
    assert tables(empty_url) == ALL_TABLES


def test_a_downgrade_to_base_leaves_no_table(empty_url):
    runner.upgrade(empty_url)

    assert runner.downgrade(empty_url, "base") is None
    assert tables(empty_url) == set()


def test_a_database_comes_back_after_a_downgrade(empty_url):
    runner.upgrade(empty_url)
    runner.downgrade(empty_url, "base")

    runner.upgrade(empty_url)

    assert runner.differences(empty_url) == []


def test_an_untouched_database_has_no_revision_and_differs(empty_url):
    assert runner.current(empty_url) is None
    assert runner.differences(empty_url) != []


def test_a_second_upgrade_changes_nothing(empty_url):
    first = runner.upgrade(empty_url)

    assert runner.upgrade(empty_url) == first


def test_processes_that_start_at_once_all_find_the_database_ready(empty_url):
    program = f"from migrations import runner; print(runner.upgrade({empty_url!r}))"
    started = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(3)]

    errors = [process.communicate(timeout=60)[1] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], errors
    assert runner.differences(empty_url) == []


def test_a_missing_folder_is_made_for_sqlite(tmp_path):
    runner.upgrade(f"sqlite:///{tmp_path}/deep/er/tollgate.db")

    assert (tmp_path / "deep" / "er" / "tollgate.db").exists()


@pytest.mark.parametrize("pragma", ["foreign_key_check", "integrity_check"])
def test_sqlite_is_sound_after_a_migration(tmp_path, pragma):
    url = f"sqlite:///{tmp_path}/tollgate.db"
    runner.upgrade(url)
    engine = make_engine(url)

    with engine.connect() as connection:
        answer = connection.exec_driver_sql(f"PRAGMA {pragma}").all()
    engine.dispose()

    assert answer in ([], [("ok",)])
