"""Engines. On SQLite a transaction that means to write starts with BEGIN IMMEDIATE: at the driver's defaults the read that decides
lies outside the transaction and two writers mint twice (measured: 5 of 100 orders), and plain BEGIN fails at once when its
snapshot went stale. synchronous=FULL because an acknowledged webhook must survive a power cut.
"""

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url

BUSY_SECONDS = 5
ALONE = "alone"  # execution option: one statement, which needs no transaction around it
POSTGRESQL: dict[str, str | int] = {
    "connect_timeout": 3,
    "options": "-c statement_timeout=15000 -c lock_timeout=10000",
    # The server keeps those two. A host that vanishes (power, network) keeps nothing, and says nothing: without these
    # whoever waits for its answer waits for a quarter of an hour and more. What was sent has to be acknowledged within
    # 15 seconds, and a server that works silently on a query has to answer probes.
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# A statement that nobody waits for any more frees its thread soon; one that waits for a lock is rolled back instead of being done unheard.
SOON = {"options": "-c statement_timeout=2000 -c lock_timeout=900"}
# Of several hosts. What only reads meets no refusal by which it would notice that its host is the primary no more, or never was: from
# a standby that lags, a key that was revoked would pass. Not of a single one: a primary that was told to write nothing answers reads.
WRITING = {"target_session_attrs": "read-write"}
READ_ONLY = "25006"  # SQLSTATE


def make_engine(url: str, *, pool_size: int = 8, alone: bool = False) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://…` (psycopg 3). What the URL says goes before what we think.

    Several hosts, of which the one is used that writes: `postgresql://user:password@/name?host=h1:5432&host=h2:5432`, or
    `…@/name?host=h1,h2&port=5432,5432`, or at the usual port `…@h1,h2/name`.

    `alone`: for single statements. Of four packets to PostgreSQL that leaves one: connections are neither asked whether
    they still work nor told to begin and to end a transaction.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(str(url))
    if parsed.get_driver_name() != "psycopg":
        parsed = parsed.set(drivername="postgresql+psycopg")
    options = POSTGRESQL | (WRITING if _has_several_hosts(parsed) else {}) | (SOON if alone else {})
    engine = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        connect_args={name: value for name, value in options.items() if name not in parsed.query},
        **({"isolation_level": "AUTOCOMMIT"} if alone else {"pool_pre_ping": True}),
    )

    @event.listens_for(engine, "handle_error")
    def _leave_a_standby(context: ExceptionContext) -> None:
        # It works as well as ever, so nothing else would end it; new connections find the primary, or one that is one again.
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
            context.is_disconnect = True

    return engine


def _has_several_hosts(url: URL) -> bool:
    _, parameters = url.get_dialect()().create_connect_args(url)  # whichever way they are spelled, libpq gets a list
    return "," in parameters.get("host", "")


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, pool_size=16, max_overflow=16, pool_timeout=BUSY_SECONDS)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        for pragma in (
            f"busy_timeout={BUSY_SECONDS * 1000}",  # first: the others may meet somebody's lock already
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-512",  # KiB for each connection, of which there are many: the system keeps the file in memory, too
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get(ALONE):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")

    return engine
