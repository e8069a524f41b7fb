"""Sizes and habits: what can be read in one sitting, and says what it is."""

import ast

import house

MOST_LINES = 250
LONGEST_FUNCTION = 45


def test_no_file_is_longer_than_a_sitting():
    lengths = {house.name(path): len(path.read_text().splitlines()) for path in house.files(*house.ROOMS)}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_no_function_is_longer_than_a_screen():
    found = {
        house.name(path, node): house.length(node)
        for path in house.files(*house.ROOMS)
        for node in house.functions(path)
    }
    assert {place: length for place, length in found.items() if length > LONGEST_FUNCTION} == {}


def test_every_public_name_has_a_docstring():
    bare = [
        house.name(path, node)
        for path in house.files(*house.ROOMS)
        for node in house.public(path)
        if not ast.get_docstring(node)
    ]
    assert bare == []


def test_tests_have_no_branches():
    tests = [
        (path, node) for path in house.files("tests") for node in house.functions(path) if node.name.startswith("test_")
    ]
    assert [house.name(path, node) for path, node in tests if house.branches(node)] == []


def test_nothing_is_patched_but_at_its_edges():
    """Swap at construction instead: a patch tests the patch."""
    patching = {"unittest.mock", "mock", "pytest_mock"}
    assert [house.name(path) for path in house.files("tests") if house.imported_from(path, patching)] == []
