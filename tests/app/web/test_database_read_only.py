"""A PostgreSQL that refuses to write, as one does that is no primary any more: nobody is answered 500, and its successor is found."""

from dataclasses import replace
from itertools import count

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import InternalError

from app import create_app
from app.db import Database, DatabaseDown
from app.keys import KeyOrder, create
from keystore.plans import Plan, Quota, Rate
from keystore.secret import Peppers

OLD, NEW = "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7", "v2:k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A"
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def database_url(postgresql_url):
    return postgresql_url


@pytest.fixture
def stand_by(postgresql_url):
    """From now on each new connection refuses to write, or, with False, each new one writes again."""
    writes = {"options": "-c default_transaction_read_only=off"}
    others = create_engine(postgresql_url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=writes)

    def _stand_by(refuses=True):
        with others.connect() as connection:
            name = connection.scalar(text("SELECT current_database()"))
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {refuses}"))

    def _begin(refuses=True):
        _stand_by(refuses)
        with others.connect() as connection:
            connection.execute(text(END_ALL if refuses else "SELECT 1"))

    yield _begin
    _stand_by(refuses=False)


@pytest.fixture
def web_tollgate(web_tollgate):
    few = Plan("few", "Few", (Rate("minute", 600, 60),), Quota(3))
    plans = {**web_tollgate.catalog.plans, "few": few}
    return replace(web_tollgate, catalog=replace(web_tollgate.catalog, plans=plans))


@pytest.fixture
def database(postgresql_url):
    """On a clock on which no rest lasts."""
    database = Database(postgresql_url, monotonic=count(0, 10).__next__)
    yield database
    database._writes.threads.shutdown()
    database.engine.dispose()


def delete(session):
    """How many rows there were."""
    return session.execute(text("DELETE FROM usage")).rowcount


def whoami(client, key):
    return client.get("/v1/whoami", headers={"X-API-Key": key})


def test_a_quota_that_needs_a_block_is_not_to_be_had_now(client, web_tollgate, stand_by):
    key = create(web_tollgate, KeyOrder("few", term_days=30), actor="test").api_key.reveal()
    stand_by()
    answer = whoami(client, key)

    assert (answer.status_code, answer.json["code"], "Retry-After" in answer.headers) == (503, "unavailable", True)


def test_a_key_on_an_older_pepper_works(web_tollgate, working_key, stand_by):
    client = create_app(tollgate=replace(web_tollgate, peppers=Peppers.parse(f"{NEW},{OLD}"))).test_client()
    stand_by()

    assert whoami(client, working_key).status_code == 200


def test_a_key_that_was_never_used_works(client, working_key, stand_by):
    stand_by()

    assert whoami(client, working_key).status_code == 200


def test_an_order_is_told_to_come_again(client, stand_by):
    stand_by()
    answer = client.post("/v1/orders", json={"plan": "pro", "provider": "btcpay"})

    assert (answer.status_code, answer.json["code"], "Retry-After" in answer.headers) == (503, "unavailable", True)


def test_so_is_a_notification(client, notify, stand_by):
    note = notify("nothing")
    stand_by()
    answer = client.post("/v1/webhooks/stripe", data=note.body, headers=note.headers)

    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")


def test_for_the_gate_it_is_a_database_that_is_down(database, stand_by):
    stand_by()
    with pytest.raises(DatabaseDown, match="InternalError"):
        database.do(delete)


def test_the_gate_looks_for_a_new_primary_at_once(database, stand_by):
    stand_by()
    database.do(lambda session: session.execute(text("SELECT 1")).all())  # on a connection that is kept
    stand_by(refuses=False)

    assert database.do(delete) == 0


def test_others_find_it_the_second_time(database, stand_by):
    stand_by()
    with database.read() as one, database.read() as another:
        kept = [session.scalar(text("SELECT pg_backend_pid()")) for session in (one, another)]
    stand_by(refuses=False)
    with pytest.raises(InternalError), database.write() as session:
        delete(session)
    with database.write() as one, database.write() as another:
        gone = [delete(session) for session in (one, another)]

    assert (len(set(kept)), gone) == (2, [0, 0])
