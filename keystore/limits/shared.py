"""Limits counted in Redis: exact across threads, processes and hosts, in one round trip."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from redis.exceptions import AskError, MovedError, NoScriptError, RedisError, TryAgainError

from keystore.errors import CounterStoreDown, LeftAlone
from keystore.limits.contract import NO_BLOCK, Block, Heard, Held, Question, check_cost, full, is_newer, judged
from keystore.limits.links import link_to
from keystore.limits.pipe import Prepared
from keystore.limits.scripts import COUNT, PUBLISH, Script
from keystore.periods import Budget
from keystore.plans import Count, Rate

VERSION_SECONDS = 86_400
KEEPS = "noeviction"
NOT_DONE = (NoScriptError, MovedError, AskError, TryAgainError)
BLOCK_SECONDS = 86_400  # kept beyond the end of the period: clocks differ, and grace may follow


class RedisCounter:
    """Exact wherever it is asked, on Redis' own clock. `timeout` in seconds bounds each wait; nothing is retried.

    `url`: redis://, rediss:// or unix://; redis+cluster://host:port,host:port; redis+sentinel://host:port,host:port/master.
    `namespace` goes before every key; the entitlement is the hash tag, so all its windows live on one cluster node.
    """

    confirms = True

    def __init__(self, url: str, *, timeout: float = 0.25, namespace: str = "tollgate") -> None:
        self._link = link_to(url, timeout=timeout)
        self._namespace = namespace

    def count(
        self,
        entitlement: str,
        rates: tuple[Rate, ...],
        *,
        cost: int = 1,
        known: int = 0,
        budget: Budget | None = None,
        block: Block = NO_BLOCK,
    ) -> Count:
        """See Counter. `version` is what was last published, None if nothing was within a day."""
        check_cost(cost)
        return self._ask(entitlement, rates, cost, known, budget, block)

    def peek(
        self, entitlement: str, rates: tuple[Rate, ...], *, budget: Budget | None = None, block: Block = NO_BLOCK
    ) -> Count:
        """See Counter."""
        return self._ask(entitlement, rates, 0, 0, budget, block)

    def prepare(self, entitlement: str, rates: tuple[Rate, ...], *, known: int = 0) -> Question:
        """See Counter."""
        prepared = self._link.prepare("EVALSHA", COUNT.sha, 1, self._key(entitlement), 1, known, *_windows(rates))
        return _Plainest(self, prepared, entitlement, rates, known)

    def try_plainest_again(self, error: Exception, entitlement: str, rates: tuple[Rate, ...], known: int) -> Any:
        """What is answered then, where it is certain that nothing was counted. Raises CounterStoreDown elsewhere."""
        return self._try_again(error, COUNT, [self._key(entitlement)], [1, known, *_windows(rates)])

    def publish(self, entitlement: str, version: int) -> None:
        """See Counter. Lives for a day, which is far longer than anything is cached."""
        self._run(PUBLISH, [self._key(entitlement)], [version, VERSION_SECONDS])

    def ping(self) -> None:
        """See Counter."""
        with _translated():
            self._link.ping()

    def eviction(self) -> str | None:
        """The policy by which a server of the store that is full drops counts; None where it refuses to write, or cannot get full.

        Raises CounterStoreDown, also where Redis does not tell.
        """
        with _translated():
            told = [_policy(answer) for answer in self._link.everywhere("INFO", "memory")]
        return next((policy for policy in told if policy != KEEPS), None)

    @property
    def place(self) -> Callable[[str], str] | None:
        """Names what of the store fails together with an entitlement: a cluster's node. None where there is one server."""
        of_key = self._link.place
        return None if of_key is None else lambda entitlement: of_key(self._key(entitlement))

    def _ask(
        self, entitlement: str, rates: tuple[Rate, ...], cost: int, known: int, budget: Budget | None, block: Block
    ) -> Count:
        keys = [self._key(entitlement)]
        arguments = [cost, known, *_windows(rates)]
        if budget is not None:
            keys.append(f"{keys[0]}:{budget.period}")
            reserved = -1 if block.reserved is None else block.reserved
            arguments += (block.granted, reserved, budget.limit, budget.reset + BLOCK_SECONDS)
        answer = self._run(COUNT, keys, arguments)
        count = _count(rates, max(cost, 1), known, answer)
        charged, version, left, reserved = answer[:4]
        if budget is None or is_newer(version, known):
            return count
        held = Held(left, reserved if reserved >= 0 else None)
        return judged(count, budget, held, cost=max(cost, 1), charged=bool(charged))

    def _run(self, script: Script, keys: list[str], arguments: list[str | int]) -> Any:
        """One round trip; a second one where Redis has forgotten the script. Raises CounterStoreDown."""
        try:
            return self._link.ask("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except (RedisError, OSError) as error:
            return self._try_again(error, script, keys, arguments)

    def _try_again(self, error: Exception, script: Script, keys: list[str], arguments: list[str | int]) -> Any:
        """Only where it is certain that nothing was done. Raises CounterStoreDown elsewhere."""
        if isinstance(error, NoScriptError):
            with _translated():
                return self._link.ask("EVAL", script.text, len(keys), *keys, *arguments)
        if isinstance(error, TryAgainError):  # both keys of a quota's count, in a cluster's slot that is on its way
            raise LeftAlone("the slot moves") from error
        raise CounterStoreDown(type(error).__name__) from error

    def _key(self, entitlement: str) -> str:
        return f"{self._namespace}:{{{entitlement}}}"


@dataclass(frozen=True, slots=True)
class _Plainest:
    """See Question."""

    counter: RedisCounter
    prepared: Prepared
    entitlement: str
    rates: tuple[Rate, ...]
    known: int

    def ask(self) -> Count:
        try:
            answer = self.prepared.ask()
        except (RedisError, OSError) as error:
            answer = self.counter.try_plainest_again(error, self.entitlement, self.rates, self.known)
        return _count(self.rates, 1, self.known, answer)

    def later(self, then: Callable[[Heard], object], /) -> bool:
        return self.prepared.later(partial(self._hear, then))

    def _hear(self, then: Callable[[Heard], object], answer: Any) -> None:
        try:
            heard: Heard = _count(self.rates, 1, self.known, answer)
        except CounterStoreDown as down:
            heard = None if isinstance(answer, NOT_DONE) else down
        then(heard)


def _policy(answer: Any) -> str:
    try:
        facts = dict(line.split(":", 1) for line in answer.decode().splitlines() if ":" in line)
        return str(facts["maxmemory_policy"]) if int(facts["maxmemory"]) else KEEPS
    except (AttributeError, KeyError, ValueError) as error:
        raise CounterStoreDown("it does not tell what it does when full") from error


def _count(rates: tuple[Rate, ...], cost: int, known: int, answer: Any) -> Count:
    if type(answer) is not list or len(answer) != 4 + 2 * len(rates) or type(answer[1]) is not int:
        raise CounterStoreDown(type(answer).__name__ if isinstance(answer, Exception) else "it answers something else")
    states, version = tuple(answer[4:]), answer[1]
    if answer[0]:
        return Count(True, rates, states, (), version or None)
    if is_newer(version, known):
        return Count(False, rates, states, (), version)
    refused = full(rates, states[::2], cost)
    return Count(not refused, rates, states, refused, version or None)


@lru_cache(maxsize=1024)
def _windows(rates: tuple[Rate, ...]) -> tuple[str | int, ...]:
    return tuple(item for rate in rates for item in (rate.window, rate.limit))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise CounterStoreDown(type(error).__name__) from error
