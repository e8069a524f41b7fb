"""What was measured, and the few numbers that it comes down to."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from app.bench.cases import Case


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of one case. Times in milliseconds, `cpu` in seconds of the server's processes."""

    requests: int
    seconds: float
    cpu: float
    p50: float
    p99: float
    failed: int
    redis_cpu: float = 0.0  # seconds of Redis' own processor time

    @property
    def cpu_us(self) -> float:
        """Processor time of the server per request, in microseconds."""
        return self.cpu / max(1, self.requests) * 1e6


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks of the stores once its key is known; None where it was not counted."""

    redis: float | None = None  # commands sent to Redis
    sql: float | None = None  # statements


@dataclass(frozen=True, slots=True)
class Result:
    """All turns of one case, the largest worker's own memory in MiB, and what a request asks of the stores."""

    case: Case
    samples: tuple[Sample, ...]
    memory: float
    asked: Asked = Asked()

    @property
    def cpu_us(self) -> float:
        """Processor time of the server per request, in microseconds; median of the turns."""
        return median(sample.cpu_us for sample in self.samples)

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
    def redis_us(self) -> float:
        """Redis' own processor time per request, in microseconds: not in `cpu_us`."""
        return median(sample.redis_cpu / max(1, sample.requests) * 1e6 for sample in self.samples)

    @property
    def busy(self) -> float:
        """Cores that the server used. Well below its workers' number: the loader or Redis was what held it up."""
        return median(sample.cpu / sample.seconds for sample in self.samples)

    @property
    def failed(self) -> int:
        """Answers that were no 2xx."""
        return sum(sample.failed for sample in self.samples)

    def over(self, other: "Result") -> float:
        """Processor time per request as a multiple of the other's, turn by turn: what drifts, drifts for both. The median."""
        pairs = zip(self.samples, other.samples, strict=True)
        return median(mine.cpu_us / max(theirs.cpu_us, 1e-9) for mine, theirs in pairs)


def bare_of(results: Sequence[Result], *, server: str = "gthread") -> Result | None:
    """The bare view on one worker of that server: on gunicorn's threads what everything is divided by."""
    return next(
        (
            result
            for result in results
            if result.case.what == "plain" and result.case.program.server == server and result.case.program.workers == 1
        ),
        None,
    )
