"""A shop for every journey, on SQLite and on PostgreSQL, and the law that each journey must leave intact."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from journey_serving import open_shop
from journey_shop import Shop
from sqlalchemy import URL, NullPool, create_engine, text

_addresses = count(1)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def journeys_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One database for all journeys: they tell their orders apart."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('journeys') / 'shop.db'}"
        return
    with own_database(request.getfixturevalue("postgresql_database"), "journeys") as url:
        yield url


@contextmanager
def own_database(server: URL | None, name: str) -> Iterator[str]:
    """A PostgreSQL database that no other room empties meanwhile."""
    if server is None:
        pytest.skip("not to be had: PostgreSQL")
    name = f"{server.database}_{name}_{os.getpid()}"
    _execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: URL, statement: str) -> None:
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))


@pytest.fixture(scope="session")
def standing_shop(journeys_database: str) -> Iterator[Shop]:
    """Gateway and sandbox, started once."""
    with open_shop(journeys_database) as shop:
        yield shop


@pytest.fixture
def shop(standing_shop: Shop) -> Iterator[Shop]:
    """The shop, visited from a fresh address. Afterwards: a working key for each paid order, none for any other, no 500."""
    standing_shop.bought.clear()
    standing_shop.failures.clear()
    standing_shop.http.headers["X-Forwarded-For"] = f"10.0.0.{next(_addresses) % 250 + 1}"
    yield standing_shop
    assert standing_shop.broken_laws() == []


@pytest.fixture
def fresh_shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop that has asked its providers nothing yet."""
    with open_shop(f"sqlite:///{tmp_path / 'fresh.db'}") as shop:
        yield shop
        assert shop.broken_laws() == []
