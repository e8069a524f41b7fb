"""What is written for people says all of it, and nothing that is not so."""

import ast
import hashlib
import re

import house
import pytest
import settings_table

from app import errors
from app.gate import Outcome
from migrations import NEWEST, runner
from providers.events import Oddity

DOCS = house.ROOT / "docs"
ROWS = settings_table.rows()
VENDORED = house.ROOT / "app/static/vendor"
ERROR_ROW = re.compile(r"^\| `(?P<code>[a-z_]+)` \| (?P<status>\d{3})\b", re.MULTILINE)


def written(name):
    return (house.ROOT / name).read_text()


@pytest.mark.parametrize("variable", ROWS)
def test_a_setting_is_documented_as_it_is(variable):
    """`python tests/guards/settings_table.py` prints the table anew."""
    assert ROWS[variable] in written("docs/settings.md").splitlines()


@pytest.mark.parametrize("variable", ROWS)
def test_a_setting_is_in_the_example(variable):
    assert re.search(rf"^(# ?)?{variable}=", written(".env.example"), re.MULTILINE)


def test_no_setting_is_documented_that_does_not_exist():
    table = [
        line.split("`")[1]
        for line in written("docs/settings.md").splitlines()
        if line.startswith("| `") and line.count(" | ") == 3
    ]
    assert sorted(table) == sorted(ROWS)


def test_every_error_code_is_documented_with_its_status():
    documented = {row["code"]: int(row["status"]) for row in ERROR_ROW.finditer(written("docs/errors.md"))}
    assert documented == {code: kind.status for code, kind in errors.KINDS.items()}


def test_every_refusal_of_the_gate_has_an_error_code():
    assert {outcome.value for outcome in Outcome} - {Outcome.ALLOWED} <= set(errors.KINDS)


def test_every_situation_answers_with_a_code_of_the_table():
    assert set(errors.CODES.values()) <= set(errors.KINDS)


def test_every_flag_an_order_can_have_is_explained():
    steps = [call for path in house.files("app") for called, call in house.calls(path) if called.endswith("raise_flag")]
    raised = {call.args[1].value for call in steps if isinstance(call.args[1], ast.Constant)} | set(Oddity)
    explained = set(
        re.findall(r"^\| `([a-z_]+)` \|", written("docs/operations.md").partition("needs attention")[2], re.MULTILINE)
    )
    assert explained == raised


def test_links_between_documents_lead_somewhere():
    pages = [house.ROOT / "README.md", *house.ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    ]
    assert [f"{house.name(page)}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_decisions_are_numbered_without_gaps():
    numbers = sorted(int(page.name[:4]) for page in (DOCS / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("heading", ["## Context", "## Decision", "## Consequence"])
def test_a_decision_says_why_what_and_what_follows(heading):
    assert [page.name for page in (DOCS / "decisions").glob("[0-9]*.md") if heading not in page.read_text()] == []


def test_there_is_one_newest_migration_and_the_program_names_it():
    assert runner.heads() == [NEWEST]


def test_migrations_do_not_depend_on_todays_models():
    """A migration that imports a model changes its meaning with it."""
    assert [
        house.name(path)
        for path in house.files("migrations/versions")
        if house.imported_from(path, ("app", "keystore"))
    ] == []


def test_vendored_files_are_what_was_vendored():
    sums = dict(reversed(line.split()) for line in (VENDORED / "SHA256SUMS").read_text().splitlines())
    assert {name: hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() for name in sums} == sums


def test_every_vendored_file_has_its_sum():
    sums = {line.split()[1] for line in (VENDORED / "SHA256SUMS").read_text().splitlines()}
    assert {path.name for path in VENDORED.iterdir() if path.suffix in {".css", ".js", ".svg", ".woff2"}} == sums


def test_the_version_has_an_entry_in_the_changelog():
    version = re.search(r'^version = "(.+)"', written("pyproject.toml"), re.MULTILINE)[1]
    assert re.search(rf"^## \[(Unreleased|{re.escape(version)})\]", written("CHANGELOG.md"), re.MULTILINE)


def test_the_environment_is_read_in_one_place():
    """A variable that is read elsewhere would be neither checked nor documented. The benchmark talks to its own programs."""
    reading = {
        path
        for path in house.files("app", "keystore", "providers")
        for node in ast.walk(house.tree(path))
        if _reads_environment(node) and not house.name(path).startswith("app/bench/")
    }
    assert {house.name(path) for path in reading} <= {
        "app/config/sources.py",
        "app/cli/demo.py",
        "app/cli/serve.py",
    }  # the last two start other programs


def _reads_environment(node):
    return isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} and ast.unparse(node.value) == "os"
