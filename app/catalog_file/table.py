"""One table of the file, read key by key. What nobody asked for by the end is a mistake: typos must not pass in silence."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from app.catalog_file.source import KeyPath, Source, Unset

T = TypeVar("T")


class Table:
    """A table at a key path. Readers answer None (or the default) where a value is missing or wrong, and note the mistake."""

    def __init__(self, source: Source, path: KeyPath, values: dict[str, Any]) -> None:
        self._source = source
        self._path = path
        self._values = values
        self._asked: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        """Names of everything in it, in the file's order."""
        return iter(self._values)

    def wrong(self, key: str, what: str) -> None:
        """Note a mistake at a key, or at the table itself for an empty one."""
        self._source.wrong((*self._path, key) if key else self._path, what)

    def text(self, key: str) -> str | None:
        """A text. A variable that is not set is a mistake here."""
        value = self._take(key)
        if isinstance(value, Unset):
            names = " and ".join(value.names)
            self.wrong(key, f"needs {names}, which is not set; set it, or write ${{{value.names[0]}:-default}}")
            return None
        return self._typed(key, value, str, "a text in quotes")

    def find_text(self, key: str) -> str | None:
        """A text, or None while its variable is not set."""
        return None if self.is_unset(key) else self.text(key)

    def is_unset(self, key: str) -> bool:
        """Whether the value waits for a variable."""
        return isinstance(self._take(key), Unset)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; those waiting for a variable are left out."""
        value = self._typed(key, self._take(key), list, "a list of texts") or []
        if not all(isinstance(item, str | Unset) for item in value):
            self.wrong(key, "must be a list of texts")
        return tuple(item for item in value if isinstance(item, str))

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._typed(key, self._take(key), bool, "true or false")
        return default if value is None else value

    def choice(self, key: str, choices: dict[str, T]) -> T | None:
        """One of a few words, translated."""
        word = self.text(key)
        if word is not None and word not in choices:
            self.wrong(key, f"must be one of {', '.join(choices)}")
        return choices.get(word) if word is not None else None

    def read(self, key: str, parse: Callable[[str], T], text: str) -> T | None:
        """The text as `parse` understands it; its ValueError becomes a mistake."""
        try:
            return parse(text)
        except ValueError as error:
            self.wrong(key, str(error))
            return None

    def table(self, key: str) -> "Table | None":
        """The table below a key."""
        value = self._typed(key, self._take(key), dict, "a table")
        return None if value is None else Table(self._source, (*self._path, key), value)

    def tables(self, key: str) -> list[tuple[str, "Table"]]:
        """Every table below a key, by name."""
        parent = self.table(key)
        named = [(name, parent.table(name)) for name in parent] if parent else []
        return [(name, table) for name, table in named if table is not None]

    def close(self) -> None:
        """Say what is in the file although nothing reads it."""
        for key in self._values:
            if key not in self._asked:
                self.wrong(key, f"is not known here (known: {', '.join(sorted(self._asked))})")

    def _take(self, key: str) -> Any:
        self._asked.add(key)
        return self._values.get(key)

    def _typed(self, key: str, value: Any, kind: type[T], called: str) -> T | None:
        if value is None or isinstance(value, kind):
            return value
        self.wrong(key, f"must be {called}")
        return None
