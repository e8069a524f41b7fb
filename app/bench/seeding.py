"""Very many working keys at once: real ones, written past the ORM, a million in a minute or so."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Table, text

from app.tollgate import Tollgate
from keystore.ids import LENGTH, base62
from keystore.models import ApiKey, Entitlement
from keystore.secret import ID_LENGTH, SEED_BYTES, Peppers, generate, hint

BATCH = 5_000
_Row = dict[str, Any]


def issue_many(tollgate: Tollgate, plan: str, amount: int) -> Iterator[str]:
    """Add `amount` keys for ever, each with an entitlement of its own; their plaintexts, batch by batch, as they are committed.

    They count as used before: a key's first use is written at once, and a benchmark is not to be about first uses.
    """
    settings, now = tollgate.settings, tollgate.clock()
    mode, prefix, peppers = settings.mode, settings.key_prefix, tollgate.peppers
    sold: _Row = {"plan": plan, "status": "active", "starts_at": now, "periods": [], "version": 1, "created_at": now}
    given: _Row = {"pepper": peppers.current, "scopes": [], "status": "active", "created_at": now, "last_used_at": now}
    for done in range(0, amount, BATCH):
        made = [_make(mode, prefix, peppers) for _ in range(min(BATCH, amount - done))]
        with tollgate.db.write() as session:
            connection = session.connection()
            _insert(connection, Entitlement, [sold | row for row, _, _ in made])
            _insert(connection, ApiKey, [given | row for _, row, _ in made])
        yield from (plaintext for _, _, plaintext in made)


def _make(mode: str, prefix: str, peppers: Peppers) -> tuple[_Row, _Row, str]:
    entitlement = f"ent_{base62(secrets.randbelow(62**LENGTH), LENGTH)}"
    id12 = base62(secrets.randbelow(62**ID_LENGTH), ID_LENGTH)  # thrice as fast as character by character
    key_id, secret = generate(mode, prefix=prefix, seed=secrets.token_bytes(SEED_BYTES), key_id12=id12)
    plaintext = secret.reveal()
    key = {
        "id": key_id,
        "entitlement_id": entitlement,
        "mac": peppers.mac(plaintext),
        "hint": hint(plaintext),
    }
    return {"id": entitlement, "reference": f"bench:{entitlement}"}, key, plaintext


def _insert(connection: Connection, model: type[Entitlement | ApiKey], rows: Sequence[_Row]) -> None:
    """COPY where there is one, else many rows in one call of the driver."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 (for the type checker)
    names = list(rows[0])
    columns = ", ".join(names)
    processors = [
        table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for name in names
    ]
    values = (
        tuple(process(row[name]) if process else row[name] for name, process in zip(names, processors, strict=True))
        for row in rows
    )
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * len(names))
        driver.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", values)  # noqa: S608 (names of ours)


def settle(tollgate: Tollgate) -> None:
    """Have the database learn what it holds now, as it would have in time: a plan of its own guesses is not what we measure."""
    with tollgate.db.write() as session:
        session.execute(text("ANALYZE"))
