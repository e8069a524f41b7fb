"""The demo stays away from real money, and takes nothing of the caller's settings with it."""

import sqlite3

import click
import pytest

from app.cli.demo import Demo
from app.cli.demo_guard import refuse_beside_live_keys
from app.cli.demo_processes import free_port


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_1"}, "STRIPE_SECRET_KEY is a live key"),
        ({"STRIPE_SECRET_KEY": "rk_live_1"}, "STRIPE_SECRET_KEY is a live key"),
        ({"BTCPAY_API_KEY": "k", "BTCPAY_URL": "https://pay.example.com"}, "not on this machine"),
        ({"BTCPAY_API_KEY": "k"}, "not on this machine"),
        ({"TOLLGATE_ENV": "production"}, "TOLLGATE_ENV"),
        ({"MODE": "live"}, "MODE"),
    ],
)
def test_the_demo_does_not_start_beside_live_keys(given, reason):
    with pytest.raises(click.ClickException, match=reason):
        refuse_beside_live_keys(given)


@pytest.mark.parametrize(
    "given",
    [{}, {"STRIPE_SECRET_KEY": "sk_test_1"}, {"BTCPAY_API_KEY": "k", "BTCPAY_URL": "http://127.0.0.1:23000"}],
)
def test_the_demo_starts_beside_test_keys(given):
    refuse_beside_live_keys(given)


def test_a_live_key_in_a_file_is_found_too(tmp_path):
    secret = tmp_path / "key"
    secret.write_text("sk_live_1\n")
    with pytest.raises(click.ClickException, match="live key"):
        refuse_beside_live_keys({"STRIPE_SECRET_KEY_FILE": str(secret)})


@pytest.fixture
def shop(tmp_path):
    """A database with the one column that the demo looks at."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE checkouts (livemode BOOLEAN)")
    connection.close()
    return path


def test_a_database_with_live_purchases_is_refused(shop):
    with sqlite3.connect(shop) as connection:
        connection.execute("INSERT INTO checkouts VALUES (1)")
    connection.close()
    with pytest.raises(click.ClickException, match="live purchases"):
        refuse_beside_live_keys({"DATABASE_URL": f"sqlite:///{shop}"})


def test_a_database_without_live_purchases_is_no_obstacle(shop):
    refuse_beside_live_keys({"DATABASE_URL": f"sqlite:///{shop}"})


def test_looking_for_a_database_does_not_make_one(tmp_path):
    refuse_beside_live_keys({"DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}"})
    assert list(tmp_path.iterdir()) == []


def test_no_setting_of_the_caller_reaches_the_demo(tmp_path, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://production.example.com")
    monkeypatch.setenv("STRIPE_SECRET_KEY_FILE", "/run/secrets/stripe")
    environ = Demo(tmp_path, 8000, 8010).environ()
    assert {"REDIS_URL", "STRIPE_SECRET_KEY_FILE"}.isdisjoint(environ)


def test_a_busy_port_gives_way_to_a_free_one(sandbox):
    busy = int(sandbox.url.rpartition(":")[2])
    assert free_port(busy) != busy
