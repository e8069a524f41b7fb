"""A PostgreSQL server for chaos to make databases on, with the other rooms' rules about what cannot be had."""

import os

import pytest
from sqlalchemy import URL


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> URL:
    """Where databases can be made and closed."""
    url: URL | None = request.getfixturevalue("postgresql_database")
    if url is None:
        reason = "not to be had: PostgreSQL"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return url
