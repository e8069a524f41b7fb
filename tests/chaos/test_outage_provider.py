"""Both providers answer 503 for a while, or only after a long time."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import click
import pytest
import requests
from chaos_load import load
from chaos_shop import OUTAGE, describe, open_shop

PROMPT, RECOVERY = 0.3, 5.0
FAULTS = [("down", 5), ("slow", 12)][
    : 2 if OUTAGE >= 10 else 1
]  # and the most seconds a buyer waits; slow takes long to try


@pytest.fixture(scope="module", params=FAULTS, ids=lambda fault: fault[0])
def outage(request, tmp_path_factory):
    """What a buyer, the gate and the providers' own notifications met."""
    fault, patience = request.param
    with open_shop(tmp_path_factory.mktemp("provider")) as shop:
        since = datetime.now(UTC)
        known, late = shop.live(), shop.live((("buy", "once", "stripe"),))
        with load(shop.asking(known)) as gate:
            begin = time.monotonic()
            shop.stage.control("faults", api=fault, delay=8)
            late.act(begin, "stripe", "pay")
            refused = [_order(shop, rail) for rail in ("stripe", "btcpay")]
            time.sleep(max(0.0, OUTAGE - (time.monotonic() - begin)))
            shop.stage.control("faults", api="normal", delay=0)
            end = time.monotonic()
            shop.live((("buy", "pro", "btcpay"),))
            recovered = time.monotonic() - end
        describe("gate", gate, begin, end)
        click.echo(
            f"orders: {[(answer.status_code, answer.elapsed.total_seconds()) for answer in refused]}, good after {recovered:.2f} s"
        )
        lost = shop.wrong(since, seconds=30)
        acknowledged = [delivery.attempts[0] for delivery in shop.stage.sandbox.world.postman.deliveries]
    return SimpleNamespace(**locals())


def _order(shop, rail):
    body = {"plan": "pro", "provider": rail}
    return requests.post(f"{shop.stage.hosts[0]}/v1/orders", json=body, timeout=20)


def test_buyers_are_told_in_time(outage):
    assert {answer.status_code for answer in outage.refused} <= {201, 502, 503}  # a slow rail may still make it
    assert max(answer.elapsed.total_seconds() for answer in outage.refused) < outage.patience


def test_notifications_are_taken_all_the_same(outage):
    assert set(outage.acknowledged) == {"200"}


def test_the_gate_does_not_notice(outage):
    assert set(outage.gate.statuses()) == {200}
    assert outage.gate.slowest(outage.begin, outage.end) < PROMPT


def test_it_recovers_at_once(outage):
    assert outage.recovered < RECOVERY


def test_nothing_is_lost(outage):
    assert outage.lost == []
