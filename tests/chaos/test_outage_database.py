"""The database is away for a while: ended connections, and new ones refused."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from chaos_load import load
from chaos_servers import closed
from chaos_shop import OUTAGE, describe, open_shop

PROMPT = 0.3  # seconds in which the gate answers, whatever is down


@pytest.fixture(scope="module")
def outage(tmp_path_factory, postgresql_server):
    """What the gate said to a key it knew and to one it had to look up, and what was paid meanwhile."""
    with open_shop(tmp_path_factory.mktemp("dark"), server=postgresql_server) as shop:
        since = datetime.now(UTC)
        known, unpaid = (
            shop.live(),
            shop.live((("buy", "pro", "btcpay"),)),
        )  # a key that does not work yet is looked up each time
        late = shop.live((("buy", "once", "stripe"),))
        with load(shop.asking(known)) as familiar, load(shop.asking(unpaid)) as stranger:
            time.sleep(1.2)  # a copy serves one second without asking
            with closed(shop.server, shop.database):
                begin = time.monotonic()
                late.act(begin + 5, "stripe", "pay")
                time.sleep(OUTAGE)
                end = time.monotonic()
            time.sleep(1.5)
        describe("known keys", familiar, begin, end)
        describe("other keys", stranger, begin, end)
        lost = shop.wrong(since)
    return SimpleNamespace(familiar=familiar, stranger=stranger, begin=begin, end=end, lost=lost)


def test_known_keys_work_on(outage):
    assert set(outage.familiar.statuses(outage.begin, outage.end)) == {200}


def test_other_keys_are_told_to_come_again(outage):
    assert set(outage.stranger.statuses(outage.begin + 0.1, outage.end - 0.5)) == {503}


def test_the_gate_answers_promptly_to_both(outage):
    assert max(seen.slowest(outage.begin, outage.end) for seen in (outage.familiar, outage.stranger)) < PROMPT


def test_it_recovers_at_once(outage):
    assert outage.stranger.first(402, outage.end) < 5


def test_nothing_is_lost(outage):
    assert outage.lost == []
