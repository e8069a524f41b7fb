"""Which way the arrows run: who may import whom, who may ask the database, who may commit."""

import subprocess
import sys

import house
import pytest

FORBIDDEN = {
    "keystore": ("app", "providers", "sandbox", "migrations", "flask", "werkzeug", "stripe", "requests", "pydantic"),
    "providers": ("app", "keystore", "sandbox", "migrations", "flask", "werkzeug", "sqlalchemy", "pydantic"),
    "sandbox": ("app", "keystore", "providers", "migrations", "sqlalchemy"),
    "migrations": ("providers", "sandbox", "flask", "app.web", "app.cli"),
    "app": ("sandbox", "tests"),
    "app/web": (
        "sqlalchemy",
        "stripe",
        "requests",
        "app.models",
        "app.db",
        "app.cli",
        "keystore.store",
        "keystore.models",
    ),
    "app/servers": ("app.web", "app.cli", "app.models", "app.db", "keystore", "providers", "sqlalchemy", "flask"),
    "app/cli": ("app.models", "keystore.models", "keystore.store", "app.web"),
}
PURE = (
    "app/ledger",
    "app/matching.py",
    "app/idempotency.py",
    "app/return_urls.py",
    "keystore/secret.py",
    "keystore/verdict.py",
    "keystore/plans.py",
)
WORLD = (
    "sqlalchemy",
    "flask",
    "requests",
    "stripe",
    "redis",
    "os",
    "time",
    "random",
    "secrets",
    "app.db",
    "app.models",
    "app.tollgate",
    "keystore.store",
)
EDGES = {
    "app/__init__.py",
    "app/factory.py",
    "app/preload.py",
    "app/errors.py",
    "app/logs.py",
}  # compose the app, or speak to Flask for everybody
QUERIES = tuple(f"sqlalchemy.{name}" for name in ("select", "insert", "update", "delete", "orm"))
ALONE = ("app.ledger", "app.matching", "app.idempotency", "app.return_urls")


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_nothing_from_where_its_arrows_do_not_go(room):
    found = {house.name(path): sorted(house.imported_from(path, FORBIDDEN[room])) for path in house.files(room)}
    assert {path: names for path, names in found.items() if names} == {}


def test_every_room_has_files_to_look_at():
    assert all(house.files(place) for place in (*FORBIDDEN, *PURE))


@pytest.mark.parametrize("place", PURE)
def test_pure_code_imports_no_world(place):
    found = {house.name(path): sorted(house.imported_from(path, WORLD)) for path in house.files(place)}
    assert {path: names for path, names in found.items() if names} == {}


def test_steps_know_no_http():
    steps = [
        path
        for path in house.files("app/*.py", "app/ledger", "app/config", "app/catalog_file")
        if house.name(path) not in EDGES
    ]
    knowing = [
        house.name(path) for path in steps if house.imported_from(path, ("flask", "werkzeug", "app.web", "app.cli"))
    ]
    assert knowing == []


def test_web_and_command_line_make_no_queries():
    asking = [house.name(path) for path in house.files("app/web", "app/cli") if house.imported_from(path, QUERIES)]
    assert asking == []


def test_the_keystore_never_commits():
    ends = {"commit", "rollback", "begin", "begin_nested"}
    found = [
        house.name(path, call)
        for path in house.files("keystore")
        for called, call in house.calls(path)
        if called.rpartition(".")[2] in ends
    ]
    assert found == []


@pytest.mark.parametrize("module", ALONE)
def test_pure_rooms_load_without_a_web_or_a_database(module):
    program = (
        f"import sys, {module}; print(*(name for name in ('flask', 'sqlalchemy', 'redis') if name in sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], cwd=house.ROOT, check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []
