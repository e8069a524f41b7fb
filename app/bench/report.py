"""Results as a table for people and as JSON for programs."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.bench.cases import Ground, Result

HEADINGS = ("case", "windows", "req/CPU-s", "÷ bare", "req/s", "p50 ms", "p99 ms", "Redis/req", "MiB", "failed")


def bare_of(results: Iterable[Result]) -> Result | None:
    """What everything is divided by: the bare view on gunicorn's threads."""
    return next((r for r in results if r.case.what == "plain" and r.case.program.server == "gthread"), None)


def rows(results: Sequence[Result]) -> list[tuple[object, ...]]:
    """A line per case. `÷ bare`: processor time per request, divided by bare Flask's."""
    bare = bare_of(results)
    return [
        (
            result.case.name,
            result.case.windows if result.case.what != "plain" else None,
            f"{1e6 / result.cpu_us:,.0f}",
            f"{result.cpu_us / bare.cpu_us:.2f}" if bare else None,
            f"{result.rate:,.0f}",
            f"{result.p50:.1f}",
            f"{result.p99:.1f}",
            f"{result.trips:.2f}",
            f"{result.memory:.0f}",
            result.failed,
        )
        for result in results
    ]


def document(measured: Sequence[tuple[Ground, Sequence[Result]]], **more: Any) -> dict[str, Any]:
    """Everything that was measured, and on what."""
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "grounds": [
            {"ground": asdict(ground), "cases": [_facts(result, bare_of(results)) for result in results]}
            for ground, results in measured
        ],
        **more,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """As a JSON file."""
    path.write_text(json.dumps(content, indent=2) + "\n")


def _facts(result: Result, bare: Result | None) -> dict[str, Any]:
    figures = {name: round(getattr(result, name), 3) for name in ("cpu_us", "rate", "p50", "p99", "trips", "memory")}
    return {
        "name": result.case.name,
        **asdict(result.case),
        **figures,
        "failed": result.failed,
        "to_bare": round(result.cpu_us / bare.cpu_us, 3) if bare else None,
        "samples": [asdict(sample) for sample in result.samples],
    }
