"""The file as text and as values: `${VAR}` filled in, and every key path traced back to its line."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

KeyPath = tuple[str, ...]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_LINE = re.compile(r"\s*(?:\[\s*(?P<table>[^\[\]]+?)\s*\]|(?P<key>[A-Za-z0-9_.\"' -]+?)\s*=)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in the catalogue. `where` is a key path such as `plans.pro.stripe.price`."""

    where: str
    what: str
    line: int | None = None


class CatalogError(Exception):
    """The catalogue cannot be used. Its text lists every mistake with file and line."""

    def __init__(self, path: Path, mistakes: list[Mistake]) -> None:
        super().__init__(path, mistakes)
        self.path = path
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line or 0)

    def __str__(self) -> str:
        count = len(self.mistakes)
        head = f"Tollgate cannot start: {count} mistake{'s' if count > 1 else ''} in its catalogue."
        return "\n".join([head, *(f"  - {self.place(mistake)}: {mistake.what}" for mistake in self.mistakes)])

    def place(self, mistake: Mistake) -> str:
        """File, line and key path, as far as there are any."""
        line = f":{mistake.line}" if mistake.line else ""
        return f"{self.path}{line}" + (f": {mistake.where}" if mistake.where else "")


@dataclass(frozen=True, slots=True)
class Unset:
    """Stands where a text named variables that have neither value nor default."""

    names: tuple[str, ...]


@dataclass
class Source:
    """A catalogue being read. Mistakes gather here."""

    data: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, environ: Mapping[str, str]) -> Self:
        """Raises CatalogError when there is no such file or it is not TOML."""
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except OSError:
            raise CatalogError(path, [Mistake("", "this file cannot be read; CATALOG names it")]) from None
        except ValueError as error:  # not TOML, not UTF-8; the message names the line
            raise CatalogError(path, [Mistake("", f"this is not TOML: {error}")]) from None
        return cls(_fill(data, environ), _lines(text))

    def wrong(self, where: KeyPath, what: str) -> None:
        """Note a mistake at a key path, or at the nearest table above it that the file shows."""
        known = (self.lines.get(where[:length]) for length in range(len(where), 0, -1))
        self.mistakes.append(Mistake(".".join(where), what, next((line for line in known if line), None)))


def _fill(value: Any, environ: Mapping[str, str]) -> Any:
    """The same value with `${VAR}` and `${VAR:-default}` replaced in its texts; an empty variable counts as unset."""
    if isinstance(value, dict):
        return {key: _fill(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, environ) for item in value]
    if not isinstance(value, str):
        return value
    unset = tuple(match[1] for match in _VARIABLE.finditer(value) if not environ.get(match[1]) and match[2] is None)
    return Unset(unset) if unset else _VARIABLE.sub(lambda match: environ.get(match[1]) or match[2], value)


def _lines(text: str) -> dict[KeyPath, int]:
    """Where each table and key begins. A light scan: a key inside an inline table has the line of that table."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.match(line)
        if match and match["table"]:
            table = _parts(match["table"])
            found.setdefault(table, number)
        elif match:
            found.setdefault(table + _parts(match["key"]), number)
    return found


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
