"""What is measured: which program answers, on which server, standing on which stores."""

from dataclasses import dataclass, replace
from statistics import median

PLAN = "bench"  # + the number of its windows
EXACT = "exact"  # a plan whose only window is soon used up


@dataclass(frozen=True, slots=True)
class Ground:
    """The stores of a case. `keys` are in the database."""

    database: str  # sqlite | postgresql
    counter: str  # memory | redis
    keys: int = 100_000

    def __str__(self) -> str:
        return f"{self.database}+{self.counter}, {self.keys:,} keys"


@dataclass(frozen=True, slots=True)
class Program:
    """One server process (with its workers), started once and asked in turns."""

    contestant: str  # see contestants.py
    server: str  # gthread | granian
    ground: Ground
    workers: int = 1
    threads: int = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table. `windows` limits hold for each of the `active` keys that take turns."""

    what: str  # plain | gated | verify | authz | peer
    program: Program
    windows: int = 3
    active: int = 1_000

    @property
    def name(self) -> str:
        """For people."""
        who = self.program.contestant if self.what == "peer" else self.what
        return f"{who} · {self.program.server}" + (f" ×{self.program.workers}" if self.program.workers > 1 else "")


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of one case. Times in milliseconds, `cpu` in seconds of the server's processes."""

    requests: int
    seconds: float
    cpu: float
    p50: float
    p99: float
    failed: int
    redis_trips: int  # packets of commands that Redis read


@dataclass(frozen=True, slots=True)
class Result:
    """All turns of one case, and the largest worker's memory in MiB."""

    case: Case
    samples: tuple[Sample, ...]
    memory: float

    @property
    def cpu_us(self) -> float:
        """Processor time of the server per request, in microseconds; median of the turns."""
        return median(sample.cpu / max(1, sample.requests) * 1e6 for sample in self.samples)

    @property
    def rate(self) -> float:
        """Requests per second on the clock."""
        return median(sample.requests / sample.seconds for sample in self.samples)

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return median(sample.p50 for sample in self.samples)

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return median(sample.p99 for sample in self.samples)

    @property
    def trips(self) -> float:
        """Round trips to Redis per request."""
        return sum(sample.redis_trips for sample in self.samples) / max(1, sum(s.requests for s in self.samples))

    @property
    def failed(self) -> int:
        """Answers that were no 2xx."""
        return sum(sample.failed for sample in self.samples)


SERVERS = ("gthread", "granian")
OURS = ("gated", "verify", "authz")


def of_ground(ground: Ground, *, servers: tuple[str, ...] = SERVERS, windows: int = 3, workers: int = 1) -> list[Case]:
    """Ours on every server, and the bare view that they are compared with."""
    cases = []
    for server in servers:
        cases.append(Case("plain", Program("bare", server, ground, workers)))
        program = Program("tollgate", server, ground, workers)
        cases += [Case(what, program, windows) for what in OURS]
    return cases


def rest(ground: Ground, *, peers: tuple[str, ...]) -> list[Case]:
    """What the whole benchmark adds: one window, two workers, and what other people write."""
    program = Program("tollgate", "gthread", ground)
    return [
        *(Case(what, program, windows=1) for what in OURS),
        *([Case("verify", replace(program, workers=2))] if ground.counter == "redis" else []),
        *(Case("peer", Program(peer, "gthread", ground), windows=1) for peer in peers),
    ]
