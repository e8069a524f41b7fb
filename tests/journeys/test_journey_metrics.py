"""Workers behind one port tell one number."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from journey_processes import serve
from journey_values import SANDBOX
from redis import Redis

from sandbox import Running

REQUESTS, SCRAPES = 60, 10
DEGRADED = "tollgate_counter_degraded_total "


def scrape(url):
    lines = requests.get(f"{url}/metrics", timeout=10).text.splitlines()
    return next(float(line.removeprefix(DEGRADED)) for line in lines if line.startswith(DEGRADED))


@pytest.mark.parametrize("server", ["gunicorn", "granian"])
def test_what_was_counted_without_redis_is_the_same_number_whichever_worker_is_asked(server, own_redis, sqlite_url, tmp_path):  # fmt: skip
    environ = {"REDIS_URL": own_redis, "WEB_CONCURRENCY": "2"}
    with Running(SANDBOX) as sandbox, serve(sandbox, sqlite_url, server=server, folder=tmp_path, **environ) as gateway:
        bought, url = gateway.shop.buy(), gateway.shop.url
        gateway.shop.act(bought, "pay")
        Redis.from_url(own_redis).shutdown(nosave=True)
        asking = {"url": f"{url}/v1/whoami", "headers": {"Authorization": f"Bearer {bought.key}"}, "timeout": 10}
        with ThreadPoolExecutor(8) as pool:
            answers = [*pool.map(lambda _: requests.get(**asking).status_code, range(REQUESTS))]
            told = {*pool.map(scrape, [url] * SCRAPES)}

    assert answers == [200] * REQUESTS
    assert len(told) == 1
    assert min(told) >= REQUESTS
