"""The growth as one picture: SVG written by hand, readable on light and on dark pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from app.bench.report import Facts

WIDTH, HEIGHT = 250, 210  # of a panel
LEFT, TOP, RIGHT, BOTTOM = 40, 48, 16, 40
LEGEND = 34
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .axis, .grid { stroke: #8c959f; stroke-width: 1 } .grid { opacity: .3 }
polyline { fill: none; stroke: currentColor; stroke-width: 2 }
.sqlite { color: #0969da } .postgresql { color: #bc4c00 }
circle { fill: currentColor }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 }
.sqlite { color: #58a6ff } .postgresql { color: #f0883e } }
"""
NAMES = {"sqlite": "SQLite + Redis", "postgresql": "PostgreSQL + Redis"}
Points = list[tuple[str, float]]  # a step of what grows, and the figure there


@dataclass(frozen=True, slots=True)
class Panel:
    """One thing that grows. `lines`: by database."""

    title: str
    unit: str
    lines: dict[str, Points]


def draw(cases: Sequence[Facts]) -> str:
    """The whole picture."""
    made = panels(cases)
    width, height = WIDTH * len(made), HEIGHT + LEGEND
    body = "".join(f'<g transform="translate({WIDTH * n} 0)">{_panel(panel)}</g>\n' for n, panel in enumerate(made))
    said = "; ".join(f"{panel.title}: {_told(panel)}" for panel in made)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">\n'
        f"<title>{escape(said)}</title>\n<style>{STYLE}</style>\n{body}{_legend(made, height)}</svg>\n"
    )


def panels(cases: Sequence[Facts]) -> list[Panel]:
    """What grew: keys in the database, keys in use, windows, workers."""
    verify = [case for case in cases if case["what"] == "verify" and not case.get("share")]
    usual = _usual(verify)
    cost, unit = (lambda case: case["to_bare"]), "CPU ÷ bare Flask"
    made = [
        Panel("keys in the database", unit, _lines(verify, usual, "keys", cost)),
        Panel("keys in use", unit, _lines(verify, usual, "active", cost)),
        Panel("windows of a plan", unit, _lines(verify, usual, "windows", cost)),
        Panel("web workers, each a part of a core", "requests/s", _of_workers(cases)),
    ]
    return [panel for panel in made if panel.lines]


def _of_workers(cases: Sequence[Facts]) -> dict[str, Points]:
    lines: dict[str, Points] = {}
    for case in cases:
        if case.get("share") and case["server"] == "gthread":
            lines.setdefault(case["database"], []).append((str(case["workers"]), case["rate"]))
    return lines


def _usual(verify: Sequence[Facts]) -> Facts:
    """What stays as it is while one thing grows: the case that differs from most others in one thing only."""
    names = ("keys", "active", "windows")
    return max(verify, key=lambda one: sum(sum(one[n] != other[n] for n in names) <= 1 for other in verify))


def _lines(verify: Sequence[Facts], usual: Facts, grows: str, figure: Callable[[Facts], float]) -> dict[str, Points]:
    fixed = [name for name in ("keys", "active", "windows") if name != grows]
    lines: dict[str, Points] = {}
    for case in sorted(verify, key=lambda case: int(case[grows])):
        if all(case[name] == usual[name] for name in fixed):
            lines.setdefault(case["database"], []).append((_short(case[grows]), figure(case)))
    return lines


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size and number % size == 0:
            return f"{number // size}{letter}"
    return str(number)


def _panel(panel: Panel) -> str:
    top = _nice(max(value for points in panel.lines.values() for _, value in points))
    left, right, floor = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM
    drawn = [
        f'<text class="title" x="{left}" y="18">{escape(panel.title)}</text>',
        f'<text x="{left}" y="36">{escape(panel.unit)}</text>',
    ]
    for part in range(5):
        y = floor - (floor - TOP) * part / 4
        drawn.append(f'<line class="{"grid" if part else "axis"}" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{_short_value(top * part / 4)}</text>')
    named: dict[str, float] = {}  # where on the axis
    for database, points in panel.lines.items():
        step = (right - left - 40) / max(1, len(points) - 1)
        places = [(left + 20 + step * n, floor - (floor - TOP) * value / top) for n, (_, value) in enumerate(points)]
        drawn.append(f'<polyline class="{database}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        drawn += [f'<circle class="{database}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
        named |= {name: x for (x, _), (name, _) in zip(places, points, strict=True)}
    drawn += [f'<text x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{name}</text>' for name, x in named.items()]
    return "".join(drawn)


def _nice(most: float) -> float:
    """The end of an axis from zero: the next round number."""
    size = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
    return next(size * step for step in (1, 2, 4, 6, 8, 10, 20) if size * step >= most)


def _short_value(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _legend(made: Sequence[Panel], height: int) -> str:
    shown = dict.fromkeys(database for panel in made for database in panel.lines)
    return "".join(
        f'<circle class="{database}" cx="{LEFT + 6 + 180 * n}" cy="{height - 16}" r="5"/>'
        f'<text x="{LEFT + 18 + 180 * n}" y="{height - 12}">{NAMES[database]}</text>\n'
        for n, database in enumerate(shown)
    )


def _told(panel: Panel) -> str:
    return ", ".join(
        f"{NAMES[database]} " + " → ".join(f"{value:.3g} at {name}" for name, value in points)
        for database, points in panel.lines.items()
    )
