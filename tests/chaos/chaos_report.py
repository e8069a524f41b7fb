"""What a trial showed: a table for people, JSON for programs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos_rounds import Round

KINDS = ("lost", "doubled", "diverged", "stuck")


@dataclass
class Report:
    """Rounds by ground ("sqlite, 2 hosts"), and seconds from kill to ready by what was killed."""

    rounds: dict[str, list[Round]] = field(default_factory=dict)
    ready_after: dict[str, list[float]] = field(default_factory=dict)
    aborted: list[str] = field(default_factory=list)

    def add(self, ground: str, done: Round) -> None:
        """One more round."""
        self.rounds.setdefault(ground, []).append(done)

    def add_times(self, times: Mapping[str, Iterable[float]]) -> None:
        """More times from kill to ready."""
        for what, seconds in times.items():
            self.ready_after.setdefault(what, []).extend(seconds)

    @property
    def everything(self) -> list[Round]:
        """Every round."""
        return [done for rounds in self.rounds.values() for done in rounds]

    @property
    def clean(self) -> bool:
        """Nothing was wrong, and there was something to be wrong."""
        return bool(self.everything) and not self.aborted and not any(done.wrong for done in self.everything)

    def lines(self) -> Iterable[str]:
        """The table."""
        heading = f"{'':24}{'rounds':>8}{'orders':>8}" + "".join(f"{kind:>10}" for kind in KINDS)
        yield heading
        for ground, rounds in self.rounds.items():
            yield _line(ground, rounds)
        yield "killed at"
        for place in sorted({done.killed_at for done in self.everything}):
            yield _line(f"  {place}", [done for done in self.everything if done.killed_at == place])
        yield _line("all", self.everything)
        for what, seconds in self.ready_after.items():
            yield f"{what}: ready after {_percentile(seconds, 50):.2f} s (p50), {_percentile(seconds, 99):.2f} s (p99), {len(seconds)} times"
        for done in self.everything:
            yield from (
                f"! round {done.number} ({done.killed_at}, {done.weather}, {done.trouble}): {wrong.kind}: {wrong.what}"
                for wrong in done.wrong
            )
        yield from (f"! {reason}" for reason in self.aborted)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {
            "clean": self.clean,
            "aborted": self.aborted,
            "rounds": [
                {"ground": ground, "number": done.number, "killed_at": done.killed_at, "weather": done.weather, "api": done.trouble,
                 "orders": done.orders, "seconds": round(done.seconds, 2), "wrong": [wrong._asdict() for wrong in done.wrong]}
                for ground, rounds in self.rounds.items() for done in rounds
            ],
            "ready_after": {
                what: {"count": len(seconds), "p50": round(_percentile(seconds, 50), 3), "p99": round(_percentile(seconds, 99), 3)}
                for what, seconds in self.ready_after.items()
            },
        }  # fmt: skip


def _line(name: str, rounds: list[Round]) -> str:
    counts = [sum(wrong.kind == kind for done in rounds for wrong in done.wrong) for kind in KINDS]
    numbers = (len(rounds), sum(done.orders for done in rounds))
    return f"{name:24}" + "".join(f"{number:>8}" for number in numbers) + "".join(f"{count:>10}" for count in counts)


def _percentile(seconds: list[float], percent: int) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
