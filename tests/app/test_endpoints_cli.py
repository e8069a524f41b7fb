"""Outgoing webhooks on the command line: what the admin API does with them, and exit codes."""

import json

import pytest
from click.testing import CliRunner
from post_office import receiver
from standardwebhooks import Webhook
from test_config_settings import CARDS

from app import outbox
from app.carriers import CARRIERS
from app.cli import main
from app.config import load
from app.factory import assemble
from migrations import runner


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a command against a fresh shop."""
    url = f"sqlite:///{tmp_path / 'tollgate.db'}"
    given = {name.upper(): value for name, value in CARDS.items()}
    given |= {"PRICE_ID_PRO": "price_pro", "DATABASE_URL": url, "ALLOW_PRIVATE_WEBHOOKS": "true"}
    monkeypatch.setattr("os.environ", given)
    monkeypatch.chdir(tmp_path)
    runner.upgrade(url)
    return lambda *words, **more: CliRunner().invoke(main, ("endpoints", *words), catch_exceptions=False, **more)


@pytest.fixture
def hook():
    with receiver() as server:
        yield server


@pytest.fixture
def endpoint(run, hook):
    """The id of one that listens to everything."""
    run("add", hook.url)
    return run("list").output.splitlines()[1].split()[0]


@pytest.fixture
def send(run):
    """What the worker would do now."""
    return lambda: outbox.run_due(assemble(load()), CARRIERS)


def test_a_secret_is_printed_alone_and_once(run, hook):
    secret = run("add", hook.url).stdout.strip()
    assert secret.startswith("whsec_")
    assert secret not in run("list").output


def test_the_list_says_who_hears_what(run, hook):
    run("add", hook.url, "--event", "order.paid", "--event", "key.revoked")
    assert "order.paid,key.revoked" in run("list").output


def test_a_rotated_secret_is_another(run, hook, endpoint):
    secrets = {run("rotate-secret", endpoint).stdout for _ in range(2)}
    assert len(secrets) == 2


def test_what_is_disabled_can_be_enabled_again(run, endpoint):
    outputs = [run(word, endpoint).output for word in ("disable", "enable")]
    assert outputs == [f"{endpoint} is disabled.\n", f"{endpoint} is enabled.\n"]


def test_only_what_is_named_is_changed(run, hook, endpoint):
    run("change", endpoint, "--event", "order.paid")
    assert run("change", endpoint, "--url", f"{hook.url}/new").output == f"{endpoint}: {hook.url}/new, order.paid\n"


def test_an_endpoint_hears_everything_again(run, hook, endpoint):
    run("change", endpoint, "--event", "order.paid")
    assert run("change", endpoint, "--all-events").output == f"{endpoint}: {hook.url}, all events\n"


def test_a_trial_is_sent_and_stands_in_the_log(run, endpoint, send):
    message = run("test", endpoint).output.strip()
    send()
    assert f"{message}  webhook.test  200" in run("deliveries", endpoint).output


def test_a_message_is_sent_again_under_its_id(run, hook, endpoint, send):
    message = run("test", endpoint).output.strip()
    send()
    run("resend", endpoint, message)
    send()
    assert [headers["webhook-id"] for _, headers, _ in hook.heard] == [message] * 2


def test_a_long_log_is_shown_page_by_page(run, endpoint, send):
    [run("test", endpoint) for _ in range(2)]
    send()
    page = run("deliveries", endpoint, "--limit", "1")
    cursor = page.stderr.split()[-1]
    assert run("deliveries", endpoint, "--limit", "1", "--after", cursor).stdout not in ("", page.stdout)


def test_removing_one_is_asked_about_first(run, endpoint):
    assert run("delete", endpoint, input="n\n").exit_code == 1
    assert endpoint in run("list").output


def test_what_is_removed_is_gone(run, endpoint):
    assert run("delete", endpoint, "--yes").exit_code == 0
    assert endpoint not in run("list").output


def test_every_change_is_in_the_audit_log(run, endpoint):
    [run(*words) for words in (("disable", endpoint), ("enable", endpoint), ("rotate-secret", endpoint))]
    written = CliRunner().invoke(main, ("audit", "--target", endpoint), catch_exceptions=False).output
    assert [written.count(f"endpoint.{what}") for what in ("created", "changed", "secret_rotated")] == [1, 2, 1]


@pytest.mark.parametrize(
    "words",
    [
        ("add", "ftp://example.com"),
        ("add", "https://example.com/#here"),
        ("add", "https://93.184.216.34/", "--description", "x" * 81),
        ("rotate-secret", "whe_x"),
        ("enable", "whe_x"),
        ("disable", "whe_x"),
        ("change", "whe_x", "--all-events"),
        ("delete", "whe_x", "--yes"),
        ("test", "whe_x"),
        ("deliveries", "whe_x"),
        ("resend", "whe_x", "msg_x"),
    ],
)
def test_what_cannot_be_done_ends_with_one(run, words):
    assert run(*words).exit_code == 1


def test_nothing_is_sent_to_a_disabled_endpoint(run, endpoint):
    run("disable", endpoint)
    assert run("test", endpoint).exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("add",),
        ("add", "https://example.com", "--event", "order.lost"),
        ("change", "whe_x"),
        ("change", "whe_x", "--all-events", "--event", "order.paid"),
        ("deliveries", "whe_x", "--limit", "0"),
    ],
)
def test_what_makes_no_sense_ends_with_two(run, words):
    assert run(*words).exit_code == 2


def test_what_arrives_was_signed_with_the_printed_secret(run, hook, send):
    secret = run("add", hook.url).stdout.strip()
    endpoint = run("list").output.splitlines()[1].split()[0]
    run("test", endpoint)
    send()
    _, headers, body = hook.heard[0]
    assert Webhook(secret).verify(body, headers)["type"] == json.loads(body)["type"]
