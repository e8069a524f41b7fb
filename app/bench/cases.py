"""What is measured: which program answers, on which server, standing on which stores."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

PLAN = "bench"  # + the number of its windows
EXACT = "exact"  # a plan whose only window is soon used up
CONNECTIONS = 16  # on which a worker is asked


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

    contestant: str  # see contestants.py and peers.py
    server: str  # gthread | granian | uvicorn | node | nginx
    ground: Ground
    workers: int = 1
    threads: int = 8
    share: float | None = None  # of a core, for each worker; None: as much as there is


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table. `windows` limits hold for each of the `active` keys that take turns."""

    what: str  # plain | gated | verify | authz | peer
    program: Program
    windows: int = 3
    active: int = 1_000

    @property
    def connections(self) -> int:
        """As many to one worker that has a share as to two: they are compared."""
        return CONNECTIONS if self.program.share is None else 2 * CONNECTIONS

    @property
    def name(self) -> str:
        """For people."""
        who = self.program.contestant if self.what == "peer" else self.what
        program = self.program
        times = f" ×{program.workers}" if program.workers > 1 or program.share else ""
        return f"{who} · {program.server}{times}" + (f" of {program.share:g}" if program.share else "")


SERVERS = {"gthread": 8, "granian": 4}  # and the threads of each: with more, granian's wait for one another
OURS = ("gated", "verify", "authz")


def of_ground(ground: Ground, *, servers: Iterable[str] = SERVERS) -> list[Case]:
    """Ours on every server, and the bare view that they are compared with."""
    cases = []
    for server in servers:
        bare = Program("bare", server, ground, threads=SERVERS[server])
        cases.append(Case("plain", bare))
        cases += [Case(what, replace(bare, contestant="tollgate")) for what in OURS]
    return cases


def rest(ground: Ground, *, peers: tuple[tuple[str, str], ...]) -> list[Case]:
    """What the whole benchmark adds: one window, and what other people write (name, server)."""
    program = Program("tollgate", "gthread", ground)
    return [
        *(Case(what, program, windows=1) for what in OURS),
        *(Case("peer", Program(peer, server, ground), windows=1) for peer, server in peers),
    ]


SHARE = 0.25  # two workers are then far from needing all of the one core that they share


def growing(database: str, *, most: int = 1_000_000, shares: bool = True) -> list[Case]:
    """Verify while one thing at a time grows: keys in the database, keys in use, windows; with `shares`, workers, too. Redis counts."""
    middle = most // 10
    usual = Program("tollgate", "gthread", Ground(database, "redis", middle))
    many = replace(usual, ground=replace(usual.ground, keys=most))
    few = replace(usual, ground=replace(usual.ground, keys=middle // 100))
    hot = few.ground.keys
    bare = Program("bare", "gthread", usual.ground)
    return [
        Case("plain", bare),
        Case("verify", few, active=hot),
        Case("verify", usual, active=hot),
        Case("verify", many, active=hot),
        Case("verify", usual, active=middle // 10),
        Case("verify", usual, active=middle),
        Case("verify", many, active=middle),
        Case("verify", usual, windows=1, active=hot),
        *(second_workers(usual, active=hot) if shares else ()),
    ]


def second_workers(usual: Program, *, active: int) -> list[Case]:
    """One worker and two, each with the same part of a core, on every server."""
    return [
        Case("verify", replace(usual, server=server, threads=threads, workers=workers, share=SHARE), active=active)
        for server, threads in SERVERS.items()
        for workers in (1, 2)
    ]
