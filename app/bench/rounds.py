"""Turn by turn: every case gets its seconds in every round, so that what disturbs the machine disturbs all of them."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from redis import Redis

from app.bench import load
from app.bench.cases import PLAN, Case, Program, Result, Sample
from app.bench.ground import Standing
from app.bench.running import Server

WARM_SECONDS = 1.0


class Rounds:
    """Cases on one ground, their servers running side by side: idle ones cost nothing."""

    def __init__(self, cases: Sequence[Case], standing: Standing, folder: Path, stack: ExitStack) -> None:
        self._cases, self._standing, self._folder = cases, standing, folder
        self._servers: dict[Program, Server] = {}
        for case in cases:
            program = case.program
            if program not in self._servers:
                self._servers[program] = Server(program, standing, folder)
                stack.callback(self._servers[program].stop)
        self._requests = [self._requests_of(case) for case in cases]

    def run(self, *, rounds: int, seconds: float, tick: Callable[[str], None]) -> list[Result]:
        """Every case `rounds` times, after one turn to get warm. `tick` hears each turn's name."""
        samples: list[list[Sample]] = [[] for _ in self._cases]
        for turn in range(rounds + 1):
            for case, requests, kept in zip(self._cases, self._requests, samples, strict=True):
                tick(case.name)
                sample = self._turn(case, requests, seconds if turn else WARM_SECONDS)
                if turn:
                    kept.append(sample)
        memory = [self._servers[case.program].memory() for case in self._cases]
        return [Result(*items) for items in zip(self._cases, map(tuple, samples), memory, strict=True)]

    def _turn(self, case: Case, requests: list[str], seconds: float) -> Sample:
        server, redis = self._servers[case.program], self._standing.redis
        cpu, trips = server.cpu(), _reads(redis)
        seen = load.run(server.port, requests, seconds=seconds, folder=self._folder)
        return Sample(
            seen.requests, seen.seconds, server.cpu() - cpu, seen.p50, seen.p99, seen.failed, _reads(redis) - trips
        )

    def _requests_of(self, case: Case) -> list[str]:
        contestant = case.program.contestant
        keys = (
            self._folder / "drf-keys.txt"
            if contestant == "drf-api-key"
            else self._standing.key_files[f"{PLAN}{case.windows}"]
        )
        return load.requests_for(case.what, contestant, keys, case.active)


def _reads(redis: Redis | None) -> int:
    """How often Redis has read a packet of commands: commands that travel together count once."""
    return 0 if redis is None else int(redis.info("stats")["total_reads_processed"])
