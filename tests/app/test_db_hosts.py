"""A PostgreSQL of several hosts: connections go to the one that writes, however the hosts are spelled."""

from contextlib import suppress

import pytest
from sqlalchemy import event

from app.db import make_engine

SEVERAL = [
    "postgresql://shop@/base?host=h1:5433&host=h2:5434",
    "postgresql://shop@/base?host=h1,h2&port=5433,5434",
    "postgresql+psycopg://shop@h1,h2/base",
    "postgresql://shop@/base?host=/run/one&host=/run/two",
]
ONE = [
    "postgresql://shop@h1:5433/base",
    "postgresql://shop@/base?host=h1&port=5433",
    "postgresql://shop@/base?host=/run/one",
    "postgresql://shop@/base",
]


def asked_for(url, **options):
    """What the driver would be told about a connection."""
    engine, told = make_engine(url, **options), {}

    def refuse(dialect, record, arguments, parameters):
        told.update(parameters)
        raise ConnectionRefusedError

    event.listen(engine, "do_connect", refuse)
    with suppress(ConnectionRefusedError):
        engine.connect()
    return told


@pytest.mark.parametrize("alone", [False, True], ids=["usual", "alone"])
@pytest.mark.parametrize("url", SEVERAL)
def test_of_several_the_one_is_asked_for_that_writes(url, alone):
    assert asked_for(url, alone=alone)["target_session_attrs"] == "read-write"


@pytest.mark.parametrize("url", ONE)
def test_a_single_one_may_refuse_to_write(url):
    assert "target_session_attrs" not in asked_for(url)


@pytest.mark.parametrize("url", SEVERAL)
def test_the_url_goes_before_what_we_think(url):
    chosen = f"{url}{'&' if '?' in url else '?'}target_session_attrs=any"
    assert asked_for(chosen)["target_session_attrs"] == "any"


@pytest.mark.parametrize("url", SEVERAL[:2])
def test_each_host_has_its_port(url):
    told = asked_for(url)
    assert (told["host"], told["port"]) == ("h1,h2", "5433,5434")
