"""Redis dies, or hangs, in the middle of the traffic of two hosts."""

import signal
import time
from types import SimpleNamespace

import click
import pytest
from chaos_load import load
from chaos_shop import BOUGHT, OUTAGE, describe, open_shop

PROMPT = 0.3
LIMIT = 40  # an hour, of the plan "tight"
TIGHT = (("buy", "tight", "btcpay"), *BOUGHT[1:])


@pytest.fixture(scope="module", params=[signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def outage(request, tmp_path_factory):
    """What two hosts said to a key with a limit that is soon reached, and to one without."""
    with open_shop(tmp_path_factory.mktemp("redis"), redis=True, hosts=2) as shop:
        free, tight = shop.live(), shop.live(TIGHT)
        busy = [shop.asking(free, host=host) for host in (0, 1)]
        limited = [shop.asking(tight, host=host) for host in (0, 1)]
        with load(*busy) as served, load(*limited, pause=0.02) as counted:
            time.sleep(0.3)
            begin = time.monotonic()
            shop.redis.signal(request.param)
            time.sleep(OUTAGE)
            end = time.monotonic()
            shop.redis.start() if request.param == signal.SIGKILL else shop.redis.signal(signal.SIGCONT)
            ready = shop.seconds_until_ready()
        describe("served", served, begin, end)
        describe("limited", counted, begin, end)
        click.echo(f"ready after {ready:.2f} s")
    return SimpleNamespace(served=served, counted=counted, begin=begin, end=end, ready=ready)


def test_nobody_is_answered_500(outage):
    assert set(outage.served.statuses()) == {200}


def test_the_gate_answers_promptly(outage):
    assert outage.served.slowest(outage.begin, outage.end) < PROMPT


def test_each_host_admits_its_share_of_the_limit_and_no_more(outage):
    assert outage.counted.statuses(outage.begin, outage.end)[200] <= LIMIT


def test_it_recovers_at_once(outage):
    assert outage.ready < 5
