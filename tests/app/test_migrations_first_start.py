"""The first start of a gateway on an empty database."""

from sqlalchemy import text

from app.db import Database
from migrations.runner import current, heads, set_up_if_empty, upgrade


def test_an_empty_database_gets_its_tables(empty_url):
    set_up_if_empty(empty_url)
    assert current(empty_url) == heads()[0]


def test_a_database_with_a_history_is_left_alone(empty_url):
    upgrade(empty_url)
    database = Database(empty_url)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    database.engine.dispose()
    set_up_if_empty(empty_url)
    assert current(empty_url) == "older"


def test_a_folder_that_is_not_there_is_made(tmp_path):
    set_up_if_empty(f"sqlite:///{tmp_path}/var/deep/tollgate.db")
    assert (tmp_path / "var" / "deep" / "tollgate.db").exists()


def test_a_database_that_does_not_answer_stops_nobody():
    assert set_up_if_empty("postgresql://nobody@127.0.0.1:1/none") is None
