"""The command line: sentences and exit codes, never a traceback, never a secret."""

import logging
import sys
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import responses
from click.testing import CliRunner
from redis import Redis
from test_config_settings import CARDS, PEPPER

from app.cli import COMMANDS, main
from app.db import Database
from app.models import Receipt
from keystore.models import Entitlement
from keystore.secret import parse
from migrations import runner

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def not_logging():
    """As in a fresh process, whoever set up logging in this one before."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)
    yield
    root.setLevel(level)


@pytest.fixture
def environ(monkeypatch, tmp_path, sqlite_url):
    """Settings for a card shop with a migrated database; gives what can still be changed."""
    given = {
        **{name.upper(): value for name, value in CARDS.items()},
        "PRICE_ID_PRO": "price_pro",
        "DATABASE_URL": sqlite_url,
    }
    monkeypatch.setattr("os.environ", given)
    monkeypatch.chdir(tmp_path)
    return given


@pytest.fixture
def run(environ):
    return lambda *words, **more: CliRunner().invoke(main, words, catch_exceptions=False, **more)


@pytest.fixture
def receipt(environ):
    """Store one in a state, due at a time; gives its id."""

    def _receipt(state, due_at=NOW):
        database = Database(environ["DATABASE_URL"])
        with database.write() as session:
            session.add(
                Receipt(id="rcp_1", provider="stripe", event_id="evt_1", kind="invoice.paid", hint={"event_id": "evt_1", "kind": "invoice.paid"}, body="{}", state=state, due_at=due_at, received_at=due_at)
            )  # fmt: skip
        database.engine.dispose()
        return "rcp_1"

    return _receipt


@pytest.fixture
def hold(environ):
    """Somebody has an entitlement of the plan `gold`, which the catalogue lacks, in a state."""

    numbers = count()

    def _hold(status="active", **ends):
        database, number = Database(environ["DATABASE_URL"]), next(numbers)
        with database.write() as session:
            session.add(
                Entitlement(id=f"ent_{number}", reference=f"ord_{number}", plan="gold", status=status, created_at=NOW, **ends)
            )  # fmt: skip
        database.engine.dispose()

    return _hold


@pytest.fixture
def stripe():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(
            "https://api.stripe.com/v1/balance",
            json={"object": "balance", "livemode": False, "available": [], "pending": []},
        )
        yield mock


def price(**changes):
    return {"id": "price_pro", "object": "price", "active": True, "livemode": False, "currency": "usd", "unit_amount": 1200, "billing_scheme": "per_unit", "type": "recurring", "recurring": {"interval": "month", "interval_count": 1}, **changes}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run, name):
    assert run(name, "--help").exit_code == 0


def test_the_help_of_all_lists_them(run):
    assert [name for name in COMMANDS if name not in run("--help").output] == []


@pytest.mark.parametrize("words", [("config", "show"), ("keys", "list"), ("worker",), ("serve",), ("plans", "list")])
def test_wrong_settings_end_every_command_with_the_list_and_two(run, environ, words):
    environ |= {"SECRET_KEY": "", "PORT": "no"}

    result = run(*words)

    assert result.exit_code == 2
    assert "SECRET_KEY is not set" in result.output
    assert "PORT is not a whole number" in result.output


def test_a_wrong_catalogue_ends_with_its_lines_and_two(run, environ, tmp_path):
    (tmp_path / "catalog.toml").write_text("typo = 1\n")

    result = run("plans", "list")

    assert (result.exit_code, "catalog.toml:1: typo" in result.output) == (2, True)


def test_a_database_never_migrated_says_what_to_run(run, environ):
    runner.downgrade(environ["DATABASE_URL"], "base")

    result = run("keys", "list")

    assert (result.exit_code, "tollgate db upgrade" in result.output) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "revoke", "key_x"),
        ("keys", "create", "nope"),
        ("orders", "show", "ord_x"),
        ("receipts", "replay", "rcp_x"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence_and_one(run, words):
    result = run(*words)

    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)


def test_a_created_key_is_printed_alone_on_stdout(run):
    result = run("keys", "create", "pro", "--email", "a@shop.dev", "--days", "30")

    assert parse(result.stdout.strip())


def test_listed_keys_show_no_secret(run):
    key = run("keys", "create", "pro").stdout.strip()

    listed = run("keys", "list").output

    assert key[:20].removeprefix("tg_test_") in listed
    assert key not in listed


def test_a_rotated_key_gives_a_new_one(run):
    key = parse(run("keys", "create", "pro").stdout.strip())

    result = run("keys", "rotate", key.key_id, "--grace", "60")

    assert parse(result.stdout.strip()).key_id != key.key_id
    assert f"{key.key_id} works until" in result.stderr


def test_a_revoked_key_is_listed_as_revoked(run):
    key = parse(run("keys", "create", "pro").stdout.strip())
    run("keys", "revoke", key.key_id)

    assert key.key_id in run("keys", "list", "--status", "revoked").output


def test_settings_are_shown_without_secrets(run, environ):
    shown = run("config", "show").output

    assert "SECRET_KEY=(set)" in shown
    assert [value for value in (environ["SECRET_KEY"], PEPPER, environ["STRIPE_SECRET_KEY"]) if value in shown] == []


def test_the_database_can_be_named_on_the_command_line(run, tmp_path):
    result = run("db", "upgrade", "--url", f"sqlite:///{tmp_path}/other.db")

    assert result.output == f"The database is at revision {runner.heads()[0]}.\n"


def test_migrations_run_without_any_other_setting(run, environ, tmp_path):
    environ.clear()

    assert run("db", "upgrade").exit_code == 0
    assert (tmp_path / "var" / "tollgate.db").exists()


def test_the_check_of_migrations_needs_no_database(run, environ):
    environ.clear()

    assert run("db", "check").exit_code == 0


def test_a_database_behind_is_shown_as_such(run, environ):
    runner.downgrade(environ["DATABASE_URL"], "base")

    assert run("db", "current").exit_code == 1


def test_a_downgrade_asks_first(run, environ):
    assert run("db", "downgrade", "base", input="n\n").exit_code == 1
    assert run("db", "current").exit_code == 0


def test_a_downgrade_once_confirmed_goes_down(run):
    assert run("db", "downgrade", "base", "--yes").output == "The database is at revision base.\n"


def test_parked_receipts_are_listed_and_replayed(run, receipt):
    receipt("parked")

    assert "rcp_1" in run("receipts", "list", "--state", "parked").output
    assert run("webhooks", "replay", "rcp_1").output == "rcp_1: parked\n"


def test_replay_wants_one_receipt_or_all_that_are_parked(run):
    assert run("receipts", "replay").exit_code == 2


def test_orders_are_listed_even_when_there_are_none(run):
    assert run("orders", "list").output.startswith("ORDER")
    assert run("orders", "attention").output == ""


def test_a_price_that_agrees_passes_the_check(run, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())

    result = run("plans", "check")

    assert (result.exit_code, "12.00 USD every 1 month" in result.output) == (0, True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": False}, "is not active"),
        ({"livemode": True}, "is a live price"),
        ({"unit_amount": None}, "has no fixed amount"),
        ({"unit_amount": 1300}, "costs 13.00 USD, the catalogue says 12.00 USD"),
        ({"currency": "eur"}, "costs 12.00 EUR"),
        ({"type": "one_time", "recurring": None}, "is one-time, the catalogue says subscription"),
    ],
)
def test_a_price_that_differs_fails_the_check_and_says_how(run, stripe, tmp_path, changes, said):
    (tmp_path / "catalog.toml").write_text(
        '[plans.pro.stripe]\nprice = "price_pro"\nmode = "subscription"\namount = "12.00"\ncurrency = "USD"\n'
    )
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price(**changes))

    result = run("plans", "check")

    assert (result.exit_code, said in result.output) == (1, True)


def test_a_price_that_does_not_exist_fails_the_check(run, stripe):
    error = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such price"}}
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=error, status=404)

    result = run("plans", "check")

    assert (result.exit_code, "no such price" in result.output) == (1, True)


def test_a_healthy_installation_passes_the_doctor(run, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())

    result = run("doctor")

    assert (result.exit_code, "✗" in result.output) == (0, False), result.output


NO_DATABASE, EMPTY = {"DATABASE_URL": "sqlite:////nowhere/at/all.db"}, {"DATABASE_URL": "sqlite:///empty.db"}
NO_REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize(
    ("change", "said", "cure"),
    [
        ({"SECRET_KEY": ""}, "✗ SECRET_KEY: is not set", ""),
        ({"CATALOG": "/nowhere.toml"}, "✗ /nowhere.toml: this file cannot be read", "edit the catalogue"),
        (NO_DATABASE, "✗ stores: the database does not answer", "check DATABASE_URL, and whether its server runs"),
        (EMPTY, "✗ stores: the database was never migrated", "run `tollgate db upgrade`"),
        (NO_REDIS, "✗ stores: the counter store does not answer", "check REDIS_URL, and whether Redis runs"),
    ],
)
def test_the_doctor_names_what_is_wrong_and_its_own_cure(run, environ, stripe, change, said, cure):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    environ |= change
    result = run("doctor")
    told = result.output.splitlines()
    place = next(number for number, line in enumerate(told) if line.startswith(said))

    assert (result.exit_code, told[place + 1].startswith(f"    fix: {cure}")) == (1, True), result.output


@pytest.mark.parametrize(
    ("policy", "said"),
    [("volatile-lru", "throws counts away when its memory is full (volatile-lru)"), ("noeviction", "")],
)
def test_the_doctor_warns_of_a_redis_that_throws_counts_away(run, environ, stripe, own_redis, policy, said):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    environ["REDIS_URL"] = own_redis
    with Redis.from_url(own_redis) as redis:
        redis.config_set("maxmemory", "100mb", "maxmemory-policy", policy)

    result = run("doctor")

    assert (result.exit_code, "throws" in result.output, said in result.output) == (0, bool(said), True), result.output


def test_the_doctor_warns_of_a_redis_that_does_not_say_whether_it_would(run, environ, stripe, own_redis):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    environ["REDIS_URL"] = own_redis
    with Redis.from_url(own_redis) as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-info")

    assert "does not tell what it does when its memory is full" in run("doctor").output


def test_the_doctor_notices_that_no_worker_is_alive(run, receipt, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    receipt("due", due_at=NOW - timedelta(hours=1))

    assert "✗ worker: work has been due for 1:0" in run("doctor").output


def test_the_doctor_names_a_plan_that_is_held_and_not_in_the_catalogue(run, hold, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    hold()
    hold("suspended", ends_at=NOW + timedelta(hours=1))
    hold(ends_at=NOW - timedelta(hours=1), grace_ends_at=NOW + timedelta(hours=1))

    said = "✗ plans: gold, held by 3, is not in the catalogue: its keys are told 402 suspended"
    assert said in run("doctor").output


def test_a_plan_taken_out_of_the_catalogue_is_an_error_with_its_cure(run, stripe, tmp_path):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    run("keys", "create", "pro")
    (tmp_path / "catalog.toml").write_text('[plans.renamed.stripe]\nprice = "price_pro"\n')

    result = run("doctor")

    cure = "put [plans.pro] back into the catalogue, with on_sale = false"
    assert (result.exit_code, cure in result.output) == (1, True), result.output


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("pending", {}),
        ("ended", {}),
        ("revoked", {}),
        ("active", {"ends_at": NOW - timedelta(days=1), "grace_ends_at": NOW - timedelta(hours=1)}),
    ],
)
def test_a_plan_that_nobody_holds_any_more_may_go(run, hold, stripe, status, ends):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    hold(status, **ends)

    assert "✗ plans" not in run("doctor").output


OTHER_PEPPER = {"KEY_PEPPERS": f"v2:{PEPPER}"}


@pytest.mark.parametrize(
    ("change", "said", "cure"),
    [
        (OTHER_PEPPER, "✗ keys: the pepper v1 is not in KEY_PEPPERS: keys made with it are refused (2)", "put v1:<"),
        (
            {"KEY_PREFIX": "acme"},
            "✗ keys: KEY_PREFIX is acme: keys that start otherwise, like tg_, are refused (2)",
            "KEY_PREFIX=tg again",
        ),
    ],
)
def test_the_doctor_counts_the_keys_that_these_settings_do_not_recognise(run, environ, stripe, change, said, cure):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    run("keys", "create", "pro")
    run("keys", "create", "pro")
    environ |= change

    result = run("doctor")

    assert (result.exit_code, said in result.output, cure in result.output) == (1, True, True), result.output


@pytest.mark.parametrize("change", [OTHER_PEPPER, {"KEY_PREFIX": "acme"}])
def test_a_key_that_was_revoked_needs_neither_its_pepper_nor_its_prefix(run, environ, stripe, change):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    key = parse(run("keys", "create", "pro").stdout.strip())
    run("keys", "revoke", key.key_id)
    environ |= change

    assert "✗ keys" not in run("doctor").output


def test_the_doctor_warns_where_there_is_no_admin(run, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    run("admin-tokens", "create", "ada")
    run("admin-tokens", "revoke", "ada")

    assert "! admin: there is no admin" in run("doctor").output


def test_a_named_admin_token_is_an_admin_to_the_doctor(run, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    run("admin-tokens", "create", "ada")

    assert "there is no admin" not in run("doctor").output


def test_the_admin_token_of_the_settings_is_an_admin_to_the_doctor(run, environ, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    environ["ADMIN_TOKEN"] = "q8Zr3Vx6Tn1Lm9Kd"

    assert "there is no admin" not in run("doctor").output


def test_the_doctor_says_nothing_of_admins_that_it_cannot_look_for(run, environ, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())
    environ["DATABASE_URL"] = "sqlite:////nowhere/at/all.db"

    assert "there is no admin" not in run("doctor").output


def test_the_doctor_tells_the_addresses_for_webhooks(run, stripe):
    stripe.get("https://api.stripe.com/v1/prices/price_pro", json=price())

    assert "https://pay.shop.dev/v1/webhooks/stripe" in run("doctor").output


def test_the_command_line_loads_without_the_web(monkeypatch):
    import subprocess

    program = (
        "import sys, app.cli; app.cli.main(['db', '--help'], standalone_mode=False); sys.exit('flask' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
