"""Where settings come from: the environment, `.env`, secret files, and older names."""

from pathlib import Path

import pytest
from test_config_settings import BITCOIN, CARDS, PLAIN

from app.config import DatabaseSettings, Settings, SettingsError, environment, load
from app.config.example import SECTIONS, env_example


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """An empty environment in an empty folder; gives the environment."""
    environ = {}
    monkeypatch.setattr("os.environ", environ)
    monkeypatch.chdir(tmp_path)
    return environ


def upper(values):
    return {name.upper(): value for name, value in values.items()}


def test_the_environment_is_read_by_plain_names(alone):
    alone.update(upper(CARDS))

    assert load().public_url == CARDS["public_url"]


def test_a_dot_env_file_is_read_and_the_environment_wins(alone, tmp_path):
    lines = [f"{name}={value}" for name, value in upper(CARDS | {"key_prefix": "fromfile", "grace_days": "9"}).items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    alone["KEY_PREFIX"] = "fromenv"

    assert (load().key_prefix, load().grace_days) == ("fromenv", 9)


def test_the_catalogues_variables_come_from_both_places_too(alone, tmp_path):
    (tmp_path / ".env").write_text("PRICE_ID_PRO=price_1\nPRICE_ID_TEAM=price_2\n")
    alone["PRICE_ID_PRO"] = "price_3"

    assert environment().items() >= {"PRICE_ID_PRO": "price_3", "PRICE_ID_TEAM": "price_2"}.items()


def test_a_line_left_empty_is_a_setting_not_given(alone):
    alone.update(upper(CARDS) | {"BTCPAY_URL": "", "ADMIN_TOKEN": "", "REDIS_URL": ""})

    assert (load().btcpay_url, load().admin_token, load().redis_url) == (None, None, None)


@pytest.mark.parametrize("renamed", [{"btcpay_url": "BTCPAY_HOST", "btcpay_webhook_secret": "WEBHOOK_SECRET"}, {"btcpay_url": "AUTOTELE_BTCPAY_URL", "btcpay_store_id": "AUTOTELE_STORE_ID", "btcpay_api_key": "AUTOTELE_API_KEY"}])  # fmt: skip
def test_older_names_of_the_bitcoin_settings_still_work(alone, renamed):
    alone.update({renamed.get(name, name.upper()): value for name, value in (PLAIN | BITCOIN).items()})

    assert load().rails == ("btcpay",)


def test_a_secret_can_come_from_a_file(alone, tmp_path):
    (tmp_path / "secret").write_text("filed-k9Qd7VwZr2Lx8Tn4\n")
    alone.update(upper(CARDS) | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "secret")})

    assert load().secret_bytes == b"filed-k9Qd7VwZr2Lx8Tn4"


def test_the_old_name_of_a_secret_can_come_from_a_file_too(alone, tmp_path):
    (tmp_path / "secret").write_text(BITCOIN["btcpay_webhook_secret"])
    alone.update(
        upper(PLAIN | BITCOIN | {"btcpay_webhook_secret": ""}) | {"WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}
    )

    assert load().btcpay_webhook_secrets == (BITCOIN["btcpay_webhook_secret"],)


@pytest.mark.parametrize(("content", "given", "variable"), [("", "", "SECRET_KEY_FILE"), ("filed-k9Qd7VwZr2Lx8Tn4", "k9Qd7VwZr2Lx8Tn4", "SECRET_KEY"), ("short", "", "SECRET_KEY")])  # fmt: skip
def test_a_secret_file_that_cannot_be_used_is_reported_with_everything_else(alone, tmp_path, content, given, variable):
    path = tmp_path / "secret"
    path.write_text(content)
    alone.update(upper(CARDS) | {"SECRET_KEY": given, "SECRET_KEY_FILE": str(path), "PORT": "no"})

    with pytest.raises(SettingsError) as caught:
        load()

    assert {problem.variable for problem in caught.value.problems} == {variable, "PORT"}


def test_a_secret_file_that_is_missing_is_reported(alone, tmp_path):
    alone.update(upper(CARDS) | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "nowhere")})

    with pytest.raises(SettingsError, match="SECRET_KEY_FILE names a file that cannot be read"):
        load()


def test_migrations_need_only_the_address_of_the_database(alone):
    alone["DATABASE_URL"] = "sqlite:///elsewhere.db"

    assert DatabaseSettings().database_url == "sqlite:///elsewhere.db"


def test_the_example_file_is_up_to_date():
    shipped = Path(__file__).parents[2] / ".env.example"

    assert shipped.read_text() == env_example(), "run: tollgate config example > .env.example"


def test_the_example_file_names_every_setting_once():
    listed = [name for fields in SECTIONS.values() for name in fields]

    assert sorted(listed) == sorted(Settings.model_fields)


def test_the_example_as_it_is_does_not_start(tmp_path):
    (tmp_path / ".env").write_text(env_example())

    with pytest.raises(SettingsError, match="SECRET_KEY is not set"):
        load()
