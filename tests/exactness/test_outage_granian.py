"""Redis fails while no thread of granian's waits for it: whoever asked is answered by the worker's share, in time, and all is exact after."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from app.bench.cases import Ground
from app.bench.exact import Caller
from app.bench.ground import redis_program, stand

CALLERS, BEFORE, AFTER = 8, 0.7, 1.5  # seconds until it fails, and then
PROMPT = 0.45  # seconds: less than twice the time-out
BREAKER = 5.0


@pytest.fixture(params=[signal.SIGSTOP, signal.SIGKILL], ids=["hung", "killed"])
def outage(request, host, tmp_path):
    """What callers were told, and after how long; for a Redis that only hung, also what they were told once it was back."""
    if redis_program() is None:
        pytest.skip("not to be had: Redis")
    with stand(Ground("sqlite", "redis", keys=5), tmp_path / "failing") as standing:
        redis = standing.redis.info()["process_id"]
        key = standing.key_files["bench3"].read_text().split()[0]
        own = standing.environ["REDIS_URL"].removesuffix("0") + "1"  # a new connection has to ask for it, and wait
        port = host(replace(standing, environ=standing.environ | {"REDIS_URL": own}), server="granian")
        end = time.monotonic() + BEFORE + AFTER
        with ThreadPoolExecutor(CALLERS) as threads:
            asking = [threads.submit(ask_until, end, port, key) for _ in range(CALLERS)]
            time.sleep(BEFORE)
            os.kill(redis, request.param)
            said = [answer for one in asking for answer in one.result()]
        back = request.param == signal.SIGKILL or comes_back(redis, port, key)
    return SimpleNamespace(said=said, back=back)


def ask_until(end, port, key):
    caller, said = Caller(port, key), []
    while (sent := time.monotonic()) < end:
        answer = caller.ask()
        said.append((sent, time.monotonic() - sent, answer["code"]))
    caller.close()
    return said


def comes_back(redis, port, key):
    """Whether Redis counts again: it knows of other requests than the share does, so what is left of the hour makes a leap."""
    os.kill(redis, signal.SIGCONT)
    caller = Caller(port, key)
    give_up = time.monotonic() + 3 * BREAKER
    left = [caller.ask()["limits"][2]["remaining"]]
    while time.monotonic() < give_up and (len(left) < 2 or abs(left[-1] - left[-2]) == 1):
        time.sleep(0.2)
        left.append(caller.ask()["limits"][2]["remaining"])
    caller.close()
    return abs(left[-1] - left[-2]) > 1


@pytest.mark.timeout(60)
def test_nobody_waits_longer_than_for_one_time_out_and_nobody_goes_without_an_answer(outage):
    late = sorted(seconds for _, seconds, _ in outage.said)

    assert {code for *_, code in outage.said} == {"VALID"}
    assert late[-3] < PROMPT  # of thousands
    assert outage.back
