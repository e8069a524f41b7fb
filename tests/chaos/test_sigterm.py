"""SIGTERM in the middle of the traffic: what is in hand is finished, then it ends."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import click
import pytest
import requests
from chaos_shop import open_shop
from sqlalchemy import select

from app.models import Checkout, Receipt

GRACE = 30.0
IN_HAND = 0.4  # seconds after which everything below is on its way; the provider takes longer than that


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A gateway with its worker inside, told to stop while two orders are opened and a payment is applied."""
    with open_shop(tmp_path_factory.mktemp("term"), WORKER="embedded") as shop, ThreadPoolExecutor() as pool:
        host, paying = shop.stage.hosts[0], shop.live((("buy", "once", "stripe"),))
        shop.stage.control("faults", api="slow", delay=1.5)
        asked = [
            pool.submit(requests.post, f"{host}/v1/orders", json={"plan": "pro", "provider": rail}, timeout=20)
            for rail in ("stripe", "btcpay")
        ]
        first = len(shop.stage.sandbox.world.postman.deliveries)
        paying.act(0, "stripe", "pay")
        time.sleep(IN_HAND)
        exit_code, seconds = shop.stage.stop(host, within=GRACE)
        click.echo(f"ended with {exit_code} after {seconds:.2f} s")
        answers = [future.result().status_code for future in asked]
        told = shop.stage.sandbox.world.postman.deliveries[first].attempts[0]
        with shop.stage.db.read() as session:
            leased = session.scalars(select(Receipt.id).where(Receipt.lease.is_not(None))).all()
            opening = session.scalars(select(Checkout.id).where(Checkout.opening_until.is_not(None))).all()
    return SimpleNamespace(**locals())


def test_requests_in_hand_are_answered(stopped):
    assert (stopped.answers, stopped.told) == ([201, 201], "200")


def test_leases_are_handed_back(stopped):
    assert (stopped.leased, stopped.opening) == ([], [])


def test_it_ends_well_and_in_time(stopped):
    assert stopped.exit_code == 0
    assert stopped.seconds < GRACE
