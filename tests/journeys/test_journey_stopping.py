"""Told to stop: whoever comes is answered or turned away, at once, so that a balancer goes elsewhere."""

import signal
import time
from collections.abc import Iterator

import pytest
import requests
from journey_processes import serve
from journey_values import SANDBOX

from sandbox import Running

ENDS = {"refused": "refused", "reset by peer": "cut off", "closed connection without response": "cut off"}


@pytest.mark.parametrize(("server", "cut_off"), [("gunicorn", 0), ("granian", 1)])
def test_nobody_is_let_in_and_left_without_an_answer(tmp_path, server, cut_off):
    """Not either while it waits for connections that are kept, as a proxy's are. granian closes a connection that comes in the moment
    in which it stops and whose request it has not read, or the kernel resets it.
    """
    database = f"sqlite:///{tmp_path / 'shop.db'}"
    with Running(SANDBOX) as sandbox, serve(sandbox, database, folder=tmp_path, server=server) as gateway:
        url = f"{gateway.shop.url}/healthz"
        with requests.Session() as kept:
            kept.get(url, timeout=10)
            gateway.process.send_signal(signal.SIGTERM)
            came = list(coming(url, seconds=2.5))
        exit_code = gateway.process.wait(30)

    assert {said for said, _ in came} <= {"200", "refused", "cut off"}
    assert sum(said == "cut off" for said, _ in came) <= cut_off
    assert max(took for _, took in came) < 0.5
    assert (came[-1][0], exit_code) == ("refused", 0)


def coming(url: str, *, seconds: float) -> Iterator[tuple[str, float]]:
    """On new connections, one after the other: what each was told, and how long it waited for that."""
    end = time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        yield told(url), time.monotonic() - begun
        time.sleep(0.03)


def told(url: str) -> str:
    try:
        return str(requests.get(url, timeout=10, headers={"Connection": "close"}).status_code)
    except requests.ConnectionError as error:
        return next((end for words, end in ENDS.items() if words in str(error)), str(error))
