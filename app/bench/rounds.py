"""Turn by turn: every case gets its seconds in every round, so that what disturbs the machine disturbs all of them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from app.bench import load, probe
from app.bench.cases import PLAN, Case, Ground, Program
from app.bench.ground import Standing
from app.bench.results import Result, Sample
from app.bench.running import Server

WARM_SECONDS = 1.0
FEW_KEYS = 10_000
TOUCHES_EACH = 5  # after so many, one of two workers has missed a key with a chance of 1 in 32
WARM_AT_MOST = 60.0  # seconds until all active keys have been asked for once


@dataclass
class _Lane:
    """One case and what it needs for its turns."""

    case: Case
    server: Server
    requests: load.Requests
    redis: Redis | None
    samples: list[Sample]
    done: int = 0  # requests so far: the next turn goes on with the next key

    def turn(self, seconds: float) -> Sample:
        """Load its server for so long."""
        before, at_redis = self.server.cpu(), _spent(self.redis)
        seen = load.run(
            self.server.port, self.requests, seconds=seconds, start=self.done, connections=self.case.connections
        )
        self.done += seen.requests
        cpu = self.server.cpu() - before
        return Sample(seen.requests, seen.seconds, cpu, seen.p50, seen.p99, seen.failed, _spent(self.redis) - at_redis)

    def refresh(self) -> None:
        """Ask for each key again where they are few: what a worker forgets while the others have their turns, it would not
        have forgotten under this load. With very many keys it would. Which worker is asked is left to chance, so several
        are asked several times.
        """
        if self.case.program.contestant == "tollgate" and self.case.active <= FEW_KEYS:
            for _ in range(TOUCHES_EACH ** (self.case.program.workers - 1)):
                load.touch(self.server.port, self.requests)

    def warm(self) -> None:
        """Ask for every active key once, so that what can be remembered of it is."""
        rate = self.turn(WARM_SECONDS).requests / WARM_SECONDS
        missing = self.requests.amount - self.done
        if missing > 0:
            self.turn(min(missing / max(1, rate) * 1.1, WARM_AT_MOST))


class Rounds:
    """Cases on their grounds, their servers running side by side: idle ones cost nothing."""

    def __init__(
        self, cases: Sequence[Case], standings: Mapping[Ground, Standing], folder: Path, stack: ExitStack
    ) -> None:
        self._standings, self._folder, self._stack = standings, folder, stack
        self._servers: dict[Program, Server] = {}
        self._lanes = [self._lane(number, case) for number, case in enumerate(cases)]

    def run(self, *, rounds: int, seconds: float, tick: Callable[[str], None]) -> list[Result]:
        """Every case `rounds` times, after it got warm. `tick` hears each turn's name."""
        for lane in self._lanes:
            tick(lane.case.name)
            lane.warm()
        for _ in range(rounds):
            for lane in self._lanes:
                tick(lane.case.name)
                lane.refresh()
                lane.samples.append(lane.turn(seconds))
        return [self._result(lane) for lane in self._lanes]

    def _lane(self, number: int, case: Case) -> _Lane:
        standing = self._standings[case.program.ground]
        server = self._servers.get(case.program)
        if server is None:
            server = self._servers[case.program] = Server(case.program, standing, standing.folder)
            self._stack.callback(server.stop)
        ready = self._folder / f"requests-{number}.txt"
        requests = load.prepare(
            ready,
            what=case.what,
            keys=key_file(case, standing),
            active=case.active,
            moving=case.program.share is not None,
        )
        return _Lane(case, server, requests, standing.redis, [])

    def _result(self, lane: _Lane) -> Result:
        asked = probe.asked(lane.case, lane.server.port, lane.requests, self._standings[lane.case.program.ground])
        return Result(lane.case, tuple(lane.samples), lane.server.memory(), asked)


def key_file(case: Case, standing: Standing) -> Path:
    """The keys to ask for, known once its server runs: a peer's own if it made some, else those of the plan."""
    own = standing.folder / f"{case.program.contestant}-keys.txt"
    return own if own.exists() else standing.key_files[f"{PLAN}{case.windows}"]


def _spent(redis: Redis | None) -> float:
    """Redis' processor time in seconds."""
    if redis is None:
        return 0
    cpu = redis.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])
