"""Operators on the command line: exit codes, rehearsals, and nothing changed where nothing should."""

import pytest
from click.testing import CliRunner
from test_config_settings import CARDS

from app.cli import main
from app.config import load
from app.factory import assemble
from app.keys import KeyOrder, create
from app.keys import get as get_key


@pytest.fixture
def run(monkeypatch, tmp_path, sqlite_url):
    """Run a command against a fresh shop."""
    given = {name.upper(): value for name, value in CARDS.items()}
    given |= {"PRICE_ID_PRO": "price_pro", "DATABASE_URL": sqlite_url}
    monkeypatch.setattr("os.environ", given)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def given(run):
    """The entitlement of a key for thirty days; its id."""
    tollgate = assemble(load())
    return get_key(tollgate, create(tollgate, KeyOrder("pro", term_days=30), actor="test").key_id).entitlement


WHY = ("--reason", "an outage")


@pytest.mark.parametrize(
    "words",
    [
        ("orders", "accept", "ord_x"),
        ("orders", "refund", "ord_x"),
        ("orders", "refund", "ord_x", "--dry-run"),
        ("orders", "resolve", "ord_x", *WHY),
        ("orders", "sync", "ord_x"),
        ("orders", "cancel-subscription", "ord_x", *WHY),
        ("entitlements", "show", "ent_x"),
        ("entitlements", "extend", "ent_x", "--days", "1", *WHY),
        ("entitlements", "suspend", "ent_x", *WHY),
        ("entitlements", "reissue", "ent_x"),
        ("receipts", "show", "rcp_x"),
        ("receipts", "replay", "rcp_x", "--dry-run"),
        ("parcels", "resend", "par_x"),
        ("plans", "off-sale", "gold"),
        ("admin-tokens", "revoke", "nobody"),
    ],
)
def test_what_is_not_there_ends_with_one(run, words):
    assert run(*words).exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("orders", "resolve", "ord_x"),
        ("orders", "cancel-subscription", "ord_x"),
        ("orders", "refund", "ord_x", "--amount", "-1"),
        ("entitlements", "extend", "ent_x", *WHY),
        ("entitlements", "extend", "--days", "1", *WHY),
        ("entitlements", "extend", "ent_x", "--days", "-1", *WHY),
        ("entitlements", "suspend", "ent_x"),
        ("parcels", "resend"),
        ("admin-tokens", "create", "ada", "--scope", "root"),
        ("report", "--since", "yesterday"),
    ],
)
def test_what_makes_no_sense_ends_with_two(run, words):
    assert run(*words).exit_code == 2


def test_all_of_a_plan_are_extended_after_a_rehearsal(run, given):
    extend = ("entitlements", "extend", "--plan", "pro", "--days", "2", *WHY)
    assert given in run(*extend, "--dry-run").output
    assert "extend" not in run("entitlements", "show", given).output
    assert run(*extend).exit_code == 0
    assert "172800" in run("entitlements", "show", given).output


def test_a_pause_and_its_end(run, given):
    assert "suspended" in run("entitlements", "suspend", given, *WHY).output
    assert "active" in run("entitlements", "restore", given, *WHY).output


def test_a_token_is_printed_once(run):
    token = run("admin-tokens", "create", "ada").stdout.strip()
    assert token.startswith("tga_")
    assert token not in run("admin-tokens", "list").output


def test_a_taken_name_makes_no_token(run):
    run("admin-tokens", "create", "ada")
    assert run("admin-tokens", "create", "ada").exit_code == 1


def test_a_plan_goes_off_sale_and_back(run):
    assert "admin:cli" in run("plans", "off-sale", "pro").output
    assert "yes" in run("plans", "on-sale", "pro").output


@pytest.mark.parametrize(
    "words",
    [
        ("audit",),
        ("audit", "--csv"),
        ("report",),
        ("report", "--csv"),
        ("parcels", "list"),
        ("orders", "list"),
        ("entitlements", "list"),
    ],
)
def test_lists_work_on_an_empty_shop(run, words):
    assert run(*words).exit_code == 0


def test_what_was_done_is_in_the_audit_log(run, given):
    run("entitlements", "suspend", given, *WHY)
    assert "entitlement.suspended" in run("audit", "--actor", "admin:cli", "--csv").output
