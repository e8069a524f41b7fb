"""The application is told how many threads its server gives it: it keeps some of them from waiting for the database."""

from pathlib import Path

import pytest
from journey_processes import serve
from journey_values import SANDBOX

from sandbox import Running


@pytest.mark.parametrize(
    ("given", "told"), [({}, b"THREADS=4"), ({"THREADS": "6"}, b"THREADS=6")], ids=["left out", "given"]
)
def test_granian_tells_its_own(tmp_path, given, told):
    database = f"sqlite:///{tmp_path / 'shop.db'}"
    with Running(SANDBOX) as sandbox, serve(sandbox, database, folder=tmp_path, server="granian", **given) as gateway:
        environ = Path(f"/proc/{gateway.process.pid}/environ").read_bytes().split(b"\0")

    assert told in environ
