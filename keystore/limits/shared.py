"""Limits counted in Redis: exact across threads, processes and hosts, in one round trip."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from redis.exceptions import NoScriptError, RedisError, TryAgainError

from keystore.errors import CounterStoreDown, LeftAlone
from keystore.limits.contract import NO_BLOCK, Block, Held, check_cost, full, judged, remaining
from keystore.limits.links import link_to
from keystore.limits.scripts import COUNT, PUBLISH, Script
from keystore.periods import Budget
from keystore.plans import Count, Rate

VERSION_SECONDS = 86_400
BLOCK_SECONDS = 86_400  # kept beyond the end of the period: clocks differ, and grace may follow


class RedisCounter:
    """Exact wherever it is asked, on Redis' own clock. `timeout` in seconds bounds each wait; nothing is retried.

    `url`: redis://, rediss:// or unix://; redis+cluster://host:port,host:port; redis+sentinel://host:port,host:port/master.
    `namespace` goes before every key; the entitlement is the hash tag, so all its windows live on one cluster node.
    """

    def __init__(self, url: str, *, timeout: float = 0.25, namespace: str = "tollgate") -> None:
        self._link = link_to(url, timeout=timeout)
        self._ask_redis = self._link.ask
        self._namespace = namespace

    def count(
        self,
        entitlement: str,
        rates: tuple[Rate, ...],
        *,
        cost: int = 1,
        budget: Budget | None = None,
        block: Block = NO_BLOCK,
    ) -> Count:
        """See Counter. `version` is what was last published, None if nothing was within a day."""
        check_cost(cost)
        return self._ask(entitlement, rates, cost, budget, block)

    def peek(
        self, entitlement: str, rates: tuple[Rate, ...], *, budget: Budget | None = None, block: Block = NO_BLOCK
    ) -> Count:
        """See Counter."""
        return self._ask(entitlement, rates, 0, budget, block)

    def publish(self, entitlement: str, version: int) -> None:
        """See Counter. Lives for a day, which is far longer than anything is cached."""
        self._run(PUBLISH, [self._key(entitlement)], [version, VERSION_SECONDS])

    def ping(self) -> None:
        """See Counter."""
        with _translated():
            self._link.ping()

    def place(self, entitlement: str) -> str:
        """What of the store fails together with this entitlement: a cluster's node; everything, where there is one server."""
        return self._link.place(self._key(entitlement))

    def _ask(self, entitlement: str, rates: tuple[Rate, ...], cost: int, budget: Budget | None, block: Block) -> Count:
        keys = [self._key(entitlement)]
        arguments = [cost, *_windows(rates)]
        if budget is not None:
            keys.append(f"{keys[0]}:{budget.period}")
            reserved = -1 if block.reserved is None else block.reserved
            arguments += (block.granted, reserved, budget.limit, budget.reset + BLOCK_SECONDS)
        charged, version, used, resets, left, reserved = self._run(COUNT, keys, arguments)
        refused = () if charged else full(rates, used, max(cost, 1))
        count = Count(not refused, rates, remaining(rates, used), resets, refused, version or None)
        if budget is None:
            return count
        held = Held(left, reserved if reserved >= 0 else None)
        return judged(count, budget, held, cost=max(cost, 1), charged=bool(charged))

    def _run(self, script: Script, keys: list[str], arguments: list[str | int]) -> Any:
        """One round trip; a second one where Redis has forgotten the script. Raises CounterStoreDown."""
        try:
            return self._ask_redis("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            with _translated():
                return self._ask_redis("EVAL", script.text, len(keys), *keys, *arguments)
        except TryAgainError as error:  # both keys of a quota's count, in a cluster's slot that is on its way
            raise LeftAlone("the slot moves") from error
        except (RedisError, OSError) as error:
            raise CounterStoreDown(type(error).__name__) from error

    def _key(self, entitlement: str) -> str:
        return f"{self._namespace}:{{{entitlement}}}"


@lru_cache(maxsize=1024)
def _windows(rates: tuple[Rate, ...]) -> list[str | int]:
    return [item for rate in rates for item in (f"{rate.name}:{rate.window}", rate.window, rate.limit)]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise CounterStoreDown(type(error).__name__) from error
