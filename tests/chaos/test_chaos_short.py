"""Every failpoint once, half of them on one SQLite host, half on two hosts with PostgreSQL. The long run: `tollgate dev chaos`."""

import time

import pytest
from chaos import Trial, run
from chaos_report import Report


@pytest.mark.parametrize(("database", "hosts", "first", "rounds"), [("sqlite", 1, 0, 6), ("postgresql", 2, 6, 8)])
def test_nothing_is_lost_doubled_or_wrong_wherever_a_process_dies(request, database, hosts, first, rounds):
    server = request.getfixturevalue("postgresql_server") if database == "postgresql" else None
    report = Report()
    run(Trial(database, hosts, rounds, first=first, server=server), report, until=time.monotonic() + 90)
    assert report.clean, "\n".join(report.lines())
