"""Figures: how turns become a number, how numbers reach a file, a page and a picture."""

import json
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from app.bench import page, plot, report
from app.bench.cases import Case, Ground, Program, growing
from app.bench.results import Result, Sample, bare_of
from app.cli import main

GROUND = Ground("sqlite", "redis")
BARE = Case("plain", Program("bare", "gthread", GROUND))
MARKS = "<!-- figures: growth -->\n<!-- end -->\n"
VERIFY = Case("verify", Program("tollgate", "gthread", GROUND))


def turns(*costs):
    """A turn for each cost in microseconds of processor time per request."""
    return tuple(Sample(1_000, 1.0, cost / 1_000, 2.0, 5.0, 0, 250) for cost in costs)


def result(case, *costs, memory=20.0):
    return Result(case, turns(*costs), memory)


@pytest.fixture
def grown():
    """Facts of a growth on SQLite: every case costs twice the bare view."""
    cases = growing("sqlite")
    return report.facts([result(case, 100 if case.what == "plain" else 200) for case in cases])


@pytest.fixture
def written(tmp_path):
    """A file's name; with words, it is there."""

    def _written(name, words):
        path = tmp_path / name
        path.write_text(words) if words is not None else None
        return str(path)

    return _written


def test_a_ratio_is_taken_turn_by_turn_so_that_a_drifting_machine_cancels_out():
    assert result(VERIFY, 200, 600, 900).over(result(BARE, 100, 300, 500)) == 2


def test_everything_is_divided_by_one_worker_of_the_bare_view_on_gthread():
    wide = Case("plain", Program("bare", "gthread", GROUND, workers=2))
    granian = Case("plain", Program("bare", "granian", GROUND))
    found = [result(wide, 100), result(granian, 100), result(BARE, 100)]

    assert bare_of(found) is found[2]


def test_memory_stands_once_for_each_program_with_its_case_of_most_keys():
    many = Case("verify", VERIFY.program, active=100_000)

    facts = report.facts([result(BARE, 100), result(VERIFY, 150, memory=50), result(many, 150, memory=50)])

    assert [fact["beyond"] for fact in facts] == [0, None, 30]


def test_parts_that_are_not_measured_again_stay_in_the_file(tmp_path, grown):
    path = tmp_path / "figures.json"
    report.write(path, report.document({"growth": grown}, command="first", path=path))

    report.write(path, report.document({"sales": [{"rate": 1}]}, command="second", path=path))

    assert {name: part["command"] for name, part in report.read(path)["parts"].items()} == {
        "growth": "first",
        "sales": "second",
    }


def test_a_page_gets_its_tables_between_the_marks_and_keeps_its_words(tmp_path, grown):
    markdown = tmp_path / "scaling.md"
    markdown.write_text(
        "Before\n<!-- figures: growth -->\nold\n<!-- end -->\nAfter\n<!-- figures: sales -->\n<!-- end -->\n"
    )

    page.fill(markdown, report.document({"growth": grown}, command="tollgate bench", path=None))

    words = markdown.read_text()
    assert "| SQLite, verify | 1,000 | 1,000 | 3 | 1 | 2.00 |" in words
    assert (words.startswith("Before\n<!-- figures: growth -->\n"), "old" in words) == (True, False)


def test_what_was_not_measured_leaves_its_place_in_the_page_as_it_is(tmp_path, grown):
    markdown = tmp_path / "scaling.md"
    markdown.write_text("<!-- figures: sales -->\nolder\n<!-- end -->\nAfter\n")

    page.fill(markdown, report.document({"growth": grown}, command="tollgate bench", path=None))

    assert markdown.read_text() == "<!-- figures: sales -->\nolder\n<!-- end -->\nAfter\n"


def test_filling_a_page_twice_changes_nothing_more(tmp_path, grown):
    markdown = tmp_path / "scaling.md"
    markdown.write_text("<!-- figures: growth -->\n<!-- end -->\n")
    document = report.document({"growth": grown}, command="tollgate bench", path=None)
    page.fill(markdown, document)
    once = markdown.read_text()

    page.fill(markdown, document)

    assert markdown.read_text() == once


def test_the_plot_shows_what_grew_each_in_its_panel(grown):
    shown = {panel.title: [name for name, _ in panel.lines["sqlite"]] for panel in plot.panels(grown)}

    assert shown == {
        "keys in the database": ["1k", "100k", "1M"],
        "keys in use": ["1k", "10k", "100k"],
        "windows of a plan": ["1", "3"],
        "web workers, each a part of a core": ["1", "2"],
    }


def test_the_plot_is_an_image_that_says_its_figures_in_words(grown):
    root = ET.fromstring(plot.draw(grown))

    assert "SQLite + Redis 2 at 1k → 2 at 100k → 2 at 1M" in root.findtext("{http://www.w3.org/2000/svg}title")


def test_the_command_draws_a_page_again_without_measuring(tmp_path, grown):
    figures, markdown = tmp_path / "figures.json", tmp_path / "scaling.md"
    report.write(figures, report.document({"growth": grown}, command="tollgate bench", path=None))
    markdown.write_text("<!-- figures: growth -->\n<!-- end -->\n")

    done = CliRunner().invoke(main, ["bench", "--draw", "--json", str(figures), "--page", str(markdown)])

    assert done.exit_code == 0, done.output
    assert "web workers" in (tmp_path / "scaling.svg").read_text()


def test_a_page_without_a_file_of_figures_is_refused(tmp_path):
    done = CliRunner().invoke(main, ["bench", "--draw", "--page", str(tmp_path / "scaling.md")])

    assert (done.exit_code, "--json" in done.output) == (2, True)


def test_a_drawing_without_a_page_is_refused(tmp_path):
    done = CliRunner().invoke(main, ["bench", "--draw", "--json", str(tmp_path / "figures.json")])

    assert (done.exit_code, "--page" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("figures", "words", "said"),
    [
        (None, MARKS, "figures.json cannot be read: No such file or directory"),
        ('{"parts": {\n  "growth"', MARKS, "figures.json is not what tollgate bench writes"),
        ("[]", MARKS, "figures.json is not what tollgate bench writes"),
        ('{"parts": {}}', "# Scaling\n", "scaling.md has no place for figures"),
        ('{"parts": {}}', None, "scaling.md cannot be read"),
    ],
    ids=["no file", "half a file", "another file", "no marks", "no page"],
)
def test_what_cannot_be_drawn_is_said(written, figures, words, said):
    done = CliRunner().invoke(
        main,
        ["bench", "--draw", "--json", written("figures.json", figures), "--page", written("scaling.md", words)],
    )

    assert (done.exit_code, type(done.exception), said in done.output) == (1, SystemExit, True), done.output


@pytest.mark.parametrize(
    ("path", "figures", "said"),
    [
        ("nowhere/figures.json", None, "figures.json cannot be written"),
        ("figures.json", '{"parts": {\n', "figures.json is not what tollgate bench writes"),
    ],
)
def test_a_file_that_cannot_be_kept_is_refused_before_anything_is_measured(written, path, figures, said):
    few = ["--ground", "sqlite", "--part", "gate", "--keys", "1000", "--rounds", "1", "--seconds", "1"]

    done = CliRunner().invoke(main, ["bench", *few, "--json", written(path, figures)])

    assert (done.exit_code, said in done.output, "load by" in done.output) == (1, True, False), done.output


def test_the_file_is_json_with_a_line_for_each_case(tmp_path, grown):
    path = tmp_path / "figures.json"

    report.write(path, report.document({"growth": grown}, command="tollgate bench", path=None))

    assert sum(line.strip().startswith('{"name"') for line in path.read_text().splitlines()) == len(grown)
    assert json.loads(path.read_text())["parts"]["growth"]["cases"] == grown
