"""The ground's keys as peers need them: they look a key up by its digest, as most people do, in an SQLite file of their own."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


def keys(folder: Path) -> Iterator[str]:
    """Every key of the ground in that folder."""
    for path in sorted(folder.glob("keys-*.txt")):
        with path.open() as lines:
            yield from (line.strip() for line in lines)


def digest(key: str) -> bytes:
    """Under what a key is kept."""
    return hashlib.sha256(key.encode()).digest()


def table(folder: Path) -> Path:
    """The file in which every key has its holder. The first peer that asks makes it."""
    path = folder / "peer-keys.db"
    if not path.exists():
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE keys (digest BLOB PRIMARY KEY, holder TEXT NOT NULL) WITHOUT ROWID")
            rows = ((digest(key), f"holder{number}") for number, key in enumerate(keys(folder)))
            database.executemany("INSERT INTO keys VALUES (?, ?)", rows)
    return path
