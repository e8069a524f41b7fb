"""The program that measures floods runs: figures are for people to judge, on a quiet machine."""

from click.testing import CliRunner

from app.bench.flood import command, kinds


def test_every_kind_of_flood_has_its_line(shared):
    said = CliRunner().invoke(command, ["--rounds", "1", "--seconds", "0.2"])

    assert said.exit_code == 0, said.output
    assert all(kind in said.output for kind in kinds([]))
