"""A ground that is set up once for every test that measures."""

import pytest

from app.bench.cases import Ground
from app.bench.ground import redis_program, stand


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """Few keys on SQLite and a Redis of our own."""
    if redis_program() is None:
        pytest.skip("not to be had: Redis")
    with stand(Ground("sqlite", "redis", keys=5), tmp_path_factory.mktemp("ground")) as standing:
        yield standing
