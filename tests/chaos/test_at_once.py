"""Webhooks, the buyer's page, the operator and the sweep, all on one order at the same moment."""

import os
import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import requests
from chaos_shop import open_shop

ORDERS = int(os.environ.get("TOLLGATE_TRIALS", "4"))
PAY = {"stripe": "pay", "btcpay": "pay_lightning"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def rush(request, tmp_path_factory):
    """What everybody was answered, and what is wrong with the books afterwards. The sweep runs each second in the worker."""
    more = (
        {"server": request.getfixturevalue("postgresql_server"), "redis": True, "hosts": 2}
        if request.param == "postgresql"
        else {}
    )
    with open_shop(tmp_path_factory.mktemp("rush"), **more) as shop, ThreadPoolExecutor(8) as pool:
        since, rng, answers = datetime.now(UTC), random.Random(3), []
        for number in range(ORDERS):
            rail = ("stripe", "btcpay")[number % 2]
            buyer = shop.live((("buy", "pro", rail),))
            asked = list(_everybody(shop, buyer, _letters(shop, buyer, rail), rng))
            answers += pool.map(lambda call: call(), rng.sample(asked, len(asked)))
        wrong = shop.wrong(since)
    return SimpleNamespace(answers=answers, wrong=wrong)


def _letters(shop, buyer, rail):
    """Pay while every notification gets lost; they are posted by hand then."""
    sent = shop.stage.sandbox.world.postman.deliveries
    first = len(sent)
    shop.stage.control("faults", fault="lost")
    buyer.act(0, rail, PAY[rail])
    shop.stage.control("faults", fault="normal")
    return [delivery.letter for delivery in sent[first:]]


def _everybody(shop, buyer, letters, rng):
    admin = {"Authorization": f"Bearer {shop.stage.demo.admin_token}"}
    holder = {"Authorization": f"Bearer {buyer.key}"}
    for letter in letters:
        body, headers = letter.render(first=True, forged=False)
        yield _call(shop, rng, "POST", f"/v1/webhooks/{letter.rail}", data=body, headers=headers)
    for _ in range(2):
        yield _call(shop, rng, "GET", f"/v1/orders/{buyer.order}", headers=holder)
        yield _call(shop, rng, "POST", f"/v1/admin/orders/{buyer.order}/sync", headers=admin)


def _call(shop, rng, method, path, **more):
    url = rng.choice(shop.stage.hosts) + path
    name = f"{method} {re.sub('ord_[0-9A-Za-z]+', '…', path)}"
    return lambda: (name, requests.request(method, url, timeout=30, **more).status_code)


def test_everybody_gets_an_answer(rush):
    assert {status for _, status in rush.answers} == {200}, Counter(rush.answers)


def test_each_order_has_one_working_key_and_one_payment(rush):
    assert rush.wrong == []
