"""Where Flask-Limiter keeps its counts: beside the gate's, in its own words for the same address."""

import logging
from typing import Any

from limits.storage import storage_from_string
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from keystore.limits.address import CLUSTER, SENTINEL, read_address

HUNG_SECONDS = 0.2  # how long a hung Redis may hold up a request
MEMORY = "memory://"

log = logging.getLogger(__name__)


def store_of(redis_url: str | None) -> tuple[str, dict[str, Any]]:
    """The storage's address and options. A cluster that does not answer now is not waited for: this process counts alone then."""
    if not redis_url:
        return MEMORY, {}
    group, options = read_address(redis_url), _impatient()
    if group is None:
        return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url, options
    if group.kind == SENTINEL:
        options["sentinel_kwargs"] = _impatient()
    if group.tls:
        options["ssl"], redis_url = True, redis_url.replace("rediss+", "redis+", 1)
    if group.kind == CLUSTER:
        try:
            storage_from_string(redis_url, **options)  # asks the nodes who they are
        except RedisClusterException:
            log.warning(
                "no node of the Redis Cluster answers: anonymous requests are counted per process until a restart"
            )
            return MEMORY, {}
    return redis_url, options


def _impatient() -> dict[str, Any]:
    """redis-py on its own tries three times more, with pauses of seconds."""
    return {"socket_timeout": HUNG_SECONDS, "socket_connect_timeout": HUNG_SECONDS, "retry": Retry(NoBackoff(), 0)}
