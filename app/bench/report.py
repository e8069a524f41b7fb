"""Results as a table for people and as JSON for programs."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from app.bench.results import Result, bare_of
from app.cli.common import table

HEADINGS = (
    *("case", "windows", "active", "÷ bare", "req/CPU-s", "req/s", "p50 ms", "p99 ms"),
    *("Redis/req", "Redis µs", "SQL/req", "MiB", "+MiB", "cores", "failed"),
)
Facts = dict[str, Any]


def facts(results: Sequence[Result]) -> list[Facts]:
    """Every case with its figures. `to_bare`: processor time per request over bare Flask's on gthread; `beyond`: MiB over the
    bare view's on the same server. Memory is a process's at the end of all its cases: it stands with the one of most keys.
    """
    return [_facts(result, results) for result in results]


def _facts(result: Result, results: Sequence[Result]) -> Facts:
    program = result.case.program
    bare, alike = bare_of(results), bare_of(results, server=program.server)
    most = max(other.case.active for other in results if other.case.program == program)
    memory = result.memory if result.case.active == most else None
    figures: Facts = {
        "to_bare": result.over(bare) if bare else None,
        **{name: getattr(result, name) for name in ("cpu_us", "rate", "p50", "p99", "redis_us", "busy")},
        "redis_to_bare": result.redis_us / bare.cpu_us if bare else None,
        "memory": memory,
        "beyond": memory - alike.memory if alike and memory else None,
        **asdict(result.asked),
    }
    each = sorted(sample.cpu_us for sample in result.samples)
    return {
        "name": result.case.name,
        "what": result.case.what,
        "contestant": program.contestant,
        "server": program.server,
        "workers": program.workers,
        "share": program.share,
        "windows": result.case.windows,
        "active": result.case.active,
        **asdict(program.ground),
        **{name: value if value is None else round(value, 3) for name, value in figures.items()},
        "cpu_us_spread": [round(each[0], 1), round(each[-1], 1)],
        "failed": result.failed,
    }


def rows(cases: Iterable[Facts]) -> list[tuple[object, ...]]:
    """A line per case, under HEADINGS."""
    return [
        (
            case["name"],
            case["windows"] if case["what"] != "plain" else None,
            f"{case['active']:,}" if case["what"] != "plain" else None,
            shown(case["to_bare"], 2),
            f"{1e6 / case['cpu_us']:,.0f}" if case["cpu_us"] else None,
            shown(case["rate"]),
            *(shown(case[name], digits) for name, digits in (("p50", 1), ("p99", 1), ("redis", 2))),
            *(
                shown(case[name], digits)
                for name, digits in (("redis_us", 0), ("sql", 2), ("memory", 0), ("beyond", 0))
            ),
            shown(case["busy"], 2),
            case["failed"],
        )
        for case in cases
    ]


def shown(value: float | None, digits: int = 0) -> str | None:
    """A number for people."""
    return None if value is None else f"{value:,.{digits}f}"


def machine() -> Facts:
    """What it was measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def document(parts: dict[str, list[Facts]], *, command: str, path: Path | None) -> Facts:
    """What was measured now; parts that the file at `path` has besides stay in it."""
    kept = read(path)["parts"] if path and path.exists() else {}
    now = f"{datetime.now(UTC):%Y-%m-%d}"  # measuring has a calendar, not a clock to be given
    fresh = {
        name: {"date": now, "command": command, "machine": machine(), "cases": cases} for name, cases in parts.items()
    }
    return {"parts": kept | fresh}


def read(path: Path) -> Facts:
    """What `write` wrote. Raises ClickException."""
    try:
        found: Facts = json.loads(path.read_text())
        dict(found["parts"])
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise click.ClickException(f"{path} is not what tollgate bench writes. Fix: another --json") from None
    return found


def check(path: Path) -> None:
    """Raise ClickException unless it can be written and what it has can be kept: after half an hour is too late for that."""
    if path.exists():
        read(path)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise click.ClickException(f"{path} cannot be written. Fix: a place that is there and yours")


def write(path: Path, content: Facts) -> None:
    """As a JSON file, a line per case: what changed can be seen."""
    parts = []
    for name, part in content["parts"].items():
        about = json.dumps({key: value for key, value in part.items() if key != "cases"})
        cases = ",\n   ".join(json.dumps(case) for case in part["cases"])
        parts.append(f'  {json.dumps(name)}: {about[:-1]}, "cases": [\n   {cases}\n  ]}}')
    path.write_text('{"parts": {\n' + ",\n".join(parts) + "\n}}\n")


def rows_with_keys(cases: Iterable[Facts]) -> list[tuple[object, ...]]:
    """The same with the number of keys in the database in front."""
    cases = list(cases)
    return [(f"{case['keys']:,}", *row) for case, row in zip(cases, rows(cases), strict=True)]


def tell(title: str, headings: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """A table on the terminal."""
    click.echo(f"\n{title}")
    table(headings, lines)
