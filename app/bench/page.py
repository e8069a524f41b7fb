"""The measured figures inside a Markdown page: tables between marks, and a plot beside it."""

import os
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import click

from app.bench import plot
from app.bench.report import Facts, shown

MARKED = re.compile(r"(<!-- figures: (?P<part>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "memory": "memory", "redis": "Redis"}


def check(page: Path) -> None:
    """Raise ClickException unless it can be filled."""
    try:
        marked = MARKED.search(page.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{page} cannot be read: {getattr(error, 'strerror', error)}") from None
    if not marked:
        raise click.ClickException(
            f"{page} has no place for figures. Fix: <!-- figures: gate --> in one line of it, <!-- end --> in another"
        )
    if not os.access(page, os.W_OK):
        raise click.ClickException(f"{page} cannot be written")


def fill(page: Path, document: Facts) -> None:
    """Write the tables between `<!-- figures: part -->` and `<!-- end -->`, and the plot of the growth as <page>.svg."""
    parts, plotted = document["parts"], page.with_suffix(".svg")

    def filled(mark: re.Match[str]) -> str:
        part = mark["part"]
        return f"{mark[1]}{_section(part, parts[part], plotted)}{mark[3]}" if part in parts else mark[0]

    page.write_text(MARKED.sub(filled, page.read_text()))
    if "growth" in parts:
        plotted.write_text(plot.draw(parts["growth"]["cases"]))


def _section(part: str, found: Facts, plotted: Path) -> str:
    on = found["machine"]
    when = (
        f"Measured on {found['date']}: {on['processor']}, {on['cores']} cores, {on['system']}, Python {on['python']}. "
        f"Again: `{found['command']}`.\n"
    )
    picture = (
        f"![What verify costs while keys, windows and workers grow]({plotted.name})\n\n" if part == "growth" else ""
    )
    return f"\n{when}\n{picture}{_TABLES[part](found['cases'])}\n"


def _gate(cases: Sequence[Facts]) -> str:
    headings = (
        *("", "windows", "CPU ÷ bare Flask", "requests per CPU-second", "requests/s", "p50 ms", "p99 ms"),
        *("Redis commands", "Redis' own CPU ÷ bare Flask", "SQL", "MiB beyond bare"),
    )
    tables = []
    for (database, counter, keys), group in groupby(
        cases, lambda case: (case["database"], case["counter"], case["keys"])
    ):
        lines = [
            (
                case["name"],
                case["windows"] if case["what"] != "plain" else "–",
                shown(case["to_bare"], 2),
                f"{1e6 / case['cpu_us']:,.0f}",
                shown(case["rate"]),
                *(shown(case[name], digits) for name, digits in (("p50", 1), ("p99", 1), ("redis", 2))),
                shown(case["redis_to_bare"], 2) if counter == "redis" and case["what"] != "plain" else None,
                shown(case["sql"], 2),
                shown(case["beyond"]),
            )
            for case in group
        ]
        tables.append(
            f"**{NAMES[database]}, counted in {NAMES[counter]}**, {keys:,} keys:\n\n{_table(headings, lines)}"
        )
    return "\n".join(tables)


def _growth(cases: Sequence[Facts]) -> str:
    headings = (
        *("", "keys in the database", "keys in use", "windows", "workers"),
        *("CPU ÷ bare Flask", "requests/s", "p99 ms", "MiB beyond bare"),
    )
    lines = [
        (
            f"{NAMES[case['database']]}, {_growing_name(case)}",
            *(shown(case[name]) if case["what"] != "plain" else "–" for name in ("keys", "active", "windows")),
            f"{case['workers']} × {case['share']:g} of a core" if case.get("share") else case["workers"],
            shown(case["to_bare"], 2),
            shown(case["rate"]),
            shown(case["p99"], 1),
            shown(case["beyond"]),
        )
        for case in cases
    ]
    return _table(headings, lines) + _second_workers(cases)


def _growing_name(case: Facts) -> str:
    who = "bare Flask" if case["what"] == "plain" else case["what"]
    return who + ("" if case["server"] == "gthread" else f" · {case['server']}")


def _second_workers(cases: Sequence[Facts]) -> str:
    """How many times the requests of one worker two of them answer."""
    rates = {(case["database"], case["server"], case["workers"]): case["rate"] for case in cases if case.get("share")}
    said = [
        f"{rate / rates[database, server, 1]:.2f} ({NAMES[database]}, {server})"
        for (database, server, workers), rate in rates.items()
        if workers == 2
    ]
    return f"\nTwo workers answer, times the requests of one: {', '.join(said)}.\n" if said else ""


def _sales(cases: Sequence[Facts]) -> str:
    headings = ("", "web workers", "paid orders/s", "p50 ms", "p99 ms", "CPU ms per order")
    lines = [
        (
            NAMES[case["database"]],
            case["workers"],
            shown(case["rate"]),
            shown(case["p50"]),
            shown(case["p99"]),
            shown(case["cpu_ms"], 1),
        )
        for case in cases
    ]
    return _table(headings, lines)


_TABLES = {"gate": _gate, "growth": _growth, "sales": _sales}


def _table(headings: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    cells = [headings, ["---", *["--:"] * (len(headings) - 1)], *lines]
    return "".join(f"| {' | '.join('–' if value is None else str(value) for value in row)} |\n" for row in cells)
