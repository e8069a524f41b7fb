"""Settings: every mistake at once, each with its cure, and never a secret in the text."""

import pytest

from app.config import Settings, SettingsError

CARDS = {
    "public_url": "https://pay.shop.dev",
    "secret_key": "k9Qd7VwZr2Lx8Tn4",
    "key_peppers": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf1",
    "stripe_secret_key": "sk_test_4eC39HqLyjWDarjtT1zd",
    "stripe_webhook_secret": "whsec_9fK2mVx7Qa4Zt1Lr",
}
BITCOIN = {
    "btcpay_url": "https://btcpay.shop.dev",
    "btcpay_api_key": "b7Kd2Wq9Zx4Lm1Rv",
    "btcpay_store_id": "Store1",
    "btcpay_webhook_secret": "h5Tn8Yc3Vb6Qw1Xz",
}
PLAIN = {name: CARDS[name] for name in ("public_url", "secret_key", "key_peppers")}


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Nothing of the machine's own settings."""
    monkeypatch.setattr("os.environ", {})


def settings(**values):
    return Settings(_env_file=None, **values)


def problems(**values):
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    return {problem.variable: problem for problem in caught.value.problems}


@pytest.mark.parametrize(("rail", "name"), [(CARDS, "stripe"), (PLAIN | BITCOIN, "btcpay")])
def test_either_rail_works_alone(rail, name):
    assert settings(**rail).rails == (name,)


def test_no_rail_at_all_is_refused():
    assert "STRIPE_SECRET_KEY" in problems(**PLAIN)


@pytest.mark.parametrize("missing", ["stripe_secret_key", "stripe_webhook_secret"])
def test_a_card_rail_by_halves_names_the_missing_half(missing):
    assert set(problems(**{**CARDS, missing: ""})) == {missing.upper()}


@pytest.mark.parametrize("missing", BITCOIN)
def test_a_bitcoin_rail_by_halves_names_the_missing_part(missing):
    assert set(problems(**PLAIN, **{**BITCOIN, missing: ""})) == {missing.upper()}


def test_nothing_set_at_all_names_everything_needed():
    assert set(problems()) == {"PUBLIC_URL", "SECRET_KEY", "KEY_PEPPERS", "STRIPE_SECRET_KEY"}


def test_mistakes_of_single_values_and_between_values_come_together():
    found = problems(**CARDS | {"secret_key": "short", "web_concurrency": "4", "log_level": "loud", "btcpay_url": "x"})

    assert {"SECRET_KEY", "REDIS_URL", "LOG_LEVEL", "BTCPAY_URL", "BTCPAY_API_KEY"} <= set(found)


def test_every_problem_says_what_to_do():
    assert all(problem.fix for problem in problems(web_concurrency="many").values())


@pytest.mark.parametrize("name", ["secret_key", "admin_token", "service_tokens"])
@pytest.mark.parametrize(
    "value",
    [
        "changeme",
        "xxx",
        "k9Qd7VwZr2Lx8Tn",
        "aaaaaaaaaaaaaaaaaaaa",
        "your-secret-goes-here",
        "<a long secret>",
        "two words of it",
    ],
)
def test_a_placeholder_or_short_secret_of_ours_is_refused(name, value):
    assert set(problems(**CARDS | {name: value})) == {name.upper()}


@pytest.mark.parametrize(
    "value",
    [
        "pk_test_4eC39HqLyjWDarjtT1zd",
        "whsec_9fK2mVx7Qa4Zt1Lr",
        "sk_test_...",
        "sk_test_xxxxxxxxxxxx",
        "sk_live_",
        "changeme",
    ],
)
def test_what_is_no_secret_key_of_stripe_is_refused(value):
    assert set(problems(**CARDS | {"stripe_secret_key": value})) == {"STRIPE_SECRET_KEY"}


@pytest.mark.parametrize(
    "value",
    [
        "sk_test_4eC39HqLyjWDarjtT1zd",
        "pk_test_4eC39HqLyjWDarjtT1zd",
        "rk_live_4eC39HqLyjWDarjtT1zd",
        "whsec_...",
        "whsec_xxxxxxxx",
        "short",
    ],
)
def test_what_is_no_webhook_secret_of_stripe_is_refused(value):
    assert set(problems(**CARDS | {"stripe_webhook_secret": value})) == {"STRIPE_WEBHOOK_SECRET"}


def test_one_bad_webhook_secret_among_several_is_refused():
    assert "STRIPE_WEBHOOK_SECRET" in problems(**CARDS | {"stripe_webhook_secret": "whsec_9fK2mVx7Qa4Zt1Lr,whsec_"})


def test_stand_ins_may_choose_their_own_shapes_of_secrets():
    chosen = settings(
        **CARDS | {"stripe_secret_key": "local-stand-in-key", "stripe_webhook_secret": "local-signing-secret"}
    )

    assert chosen.stripe_webhook_secrets == ("local-signing-secret",)


def test_several_webhook_secrets_are_read_in_order():
    chosen = settings(**CARDS | {"stripe_webhook_secret": "whsec_9fK2mVx7Qa4Zt1Lr, whsec_8gL3nWy8Rb5Au2Ms"})

    assert chosen.stripe_webhook_secrets == ("whsec_9fK2mVx7Qa4Zt1Lr", "whsec_8gL3nWy8Rb5Au2Ms")


PEPPER = "t3Rw8Kz1Qm6Xc9Vb"


@pytest.mark.parametrize(
    "value",
    [PEPPER, f":{PEPPER}", f"v1:{PEPPER},v1:{PEPPER}", "v1:", f"v1:{PEPPER[:15]}", "v1:" + "x" * 40, f"a b:{PEPPER}"],
)
def test_malformed_doubled_or_short_peppers_are_refused(value):
    assert set(problems(**CARDS | {"key_peppers": value})) == {"KEY_PEPPERS"}


def test_the_first_pepper_is_the_current_one():
    assert settings(**CARDS | {"key_peppers": f"v2:{PEPPER},v1:{PEPPER}"}).peppers.current == "v2"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:80",
        "http://gateway:8000",
        "http://10.0.0.5",
        "http://abc.onion",
        "https://pay.shop.dev:8443/",
    ],
)
def test_an_address_in_clear_is_fine_where_the_internet_does_not_reach(url):
    assert settings(**CARDS | {"public_url": url}).public_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.shop.dev",
        "http://8.8.8.8",
        "pay.shop.dev",
        "ftp://pay.shop.dev",
        "https://",
        "https://pay.shop.dev/path",
        "https://u:p@pay.shop.dev",
        "https://pay.shop.dev?x=1",
        "https://pay.shop.dev:port",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_or_has_more_than_an_origin_or_leaks_is_refused(url):
    assert set(problems(**CARDS | {"public_url": url})) == {"PUBLIC_URL"}


def test_a_bitcoin_server_in_clear_on_the_internet_is_refused():
    assert set(problems(**PLAIN, **BITCOIN | {"btcpay_url": "http://btcpay.shop.dev"})) == {"BTCPAY_URL"}


def test_a_bitcoin_server_may_live_under_a_path():
    assert (
        settings(**PLAIN, **BITCOIN | {"btcpay_url": "https://shop.dev/btcpay/"}).btcpay_url
        == "https://shop.dev/btcpay"
    )


@pytest.mark.parametrize("name", ["web_concurrency", "gate_workers_total"])
def test_several_workers_without_redis_are_refused(name):
    assert set(problems(**CARDS | {name: "2"})) == {"REDIS_URL"}


def test_several_workers_with_redis_are_welcome_and_counted():
    assert settings(**CARDS, web_concurrency="4", redis_url="redis://127.0.0.1/0").gate_workers_total == 4


def test_fewer_workers_in_total_than_here_are_refused():
    found = problems(**CARDS, web_concurrency="4", gate_workers_total="2", redis_url="redis://127.0.0.1/0")

    assert set(found) == {"GATE_WORKERS_TOTAL"}


def test_both_mistakes_with_workers_are_named_at_once():
    assert set(problems(**CARDS, web_concurrency="4", gate_workers_total="2")) == {"GATE_WORKERS_TOTAL", "REDIS_URL"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("web_concurrency", "-1", "must be a whole number of at least 1"),
        ("web_concurrency", "0", "must be a whole number of at least 1"),
        ("port", "70000", "must be a whole number of at most 65535"),
    ],
)
def test_a_number_out_of_bounds_is_told_the_bound(name, value, said):
    assert problems(**CARDS | {name: value})[name.upper()].what == said


@pytest.mark.parametrize("bind", ["foo", "foo:bar", ":8000", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:²", "::1:8000", "[nope]:80", "[127.0.0.1]:80", "a b:80", "unix:", ",", "127.0.0.1:8000,foo"])  # fmt: skip
def test_a_place_where_nobody_can_listen_is_refused_with_all_other_mistakes(bind):
    assert set(problems(**CARDS, bind=bind, threads="0", trusted_proxies="unix")) == {"BIND", "THREADS"}


@pytest.mark.parametrize("bind", ["127.0.0.1:8000", "localhost:1", "[::1]:65535", "0.0.0.0:80,[::]:80"])
def test_a_place_to_listen_at_is_a_host_and_a_port(bind):
    assert settings(**CARDS, bind=bind).address == bind


@pytest.mark.parametrize("bind", ["unix:/run/tollgate.sock", "127.0.0.1:8000, unix:/run/tollgate.sock"])
def test_a_unix_socket_is_refused_until_its_proxy_is_trusted(bind):
    assert set(problems(**CARDS, bind=bind, trusted_proxies="127.0.0.1")) == {"TRUSTED_PROXIES"}


@pytest.mark.parametrize("more", [{"trusted_proxies": "127.0.0.1, unix"}, {"port": "8000"}])
def test_a_unix_socket_is_welcome_with_a_trusted_proxy_or_where_a_port_goes_before_it(more):
    assert settings(**CARDS, bind="unix:/run/tollgate.sock", **more).bind == "unix:/run/tollgate.sock"


@pytest.mark.parametrize("name", ["web_concurrency", "gate_workers_total", "threads", "port", "grace_days", "sweep_seconds", "retention_days", "reminder_days"])  # fmt: skip
@pytest.mark.parametrize("value", ["+4", "4.0", "1_0", "²", "٤", "four", "9" * 5_000])
def test_a_number_in_anything_but_plain_digits_is_refused(name, value):
    assert set(problems(**CARDS | {name: value})) == {name.upper()}


def test_a_number_may_have_blanks_around_it_and_zeros_before_it():
    assert settings(**CARDS, threads=" 04 ").threads == 4


@pytest.mark.parametrize(("name", "value"), [("database_url", "mysql://x/y"), ("database_url", "sqlite://"), ("database_url", "nonsense"), ("redis_url", "http://x"), ("redis_url", "redis://"), ("key_prefix", "Tg"), ("key_prefix", "a_b"), ("allowed_return_hosts", "https://x.dev"), ("trusted_proxies", "everybody"), ("trusted_proxies", "10.0.0.1/8"), ("grace_days", "-1"), ("worker", "maybe"), ("port", "70000"), ("threads", "0"), ("sweep_seconds", "0"), ("btcpay_store_id", "a/b")])  # fmt: skip
def test_a_value_that_cannot_be_used_is_refused(name, value):
    assert name.upper() in problems(**CARDS | {name: value})


def test_the_same_secret_for_two_things_is_refused():
    assert set(problems(**CARDS, admin_token=CARDS["secret_key"])) == {"ADMIN_TOKEN"}


@pytest.mark.parametrize(
    "more", [{"public_url": "http://127.0.0.1:8000"}, {"stripe_api_base": "http://127.0.0.1:9"}, {"mode": "test"}]
)
def test_a_live_key_is_refused_beside_play_settings(more):
    assert len(problems(**CARDS | {"stripe_secret_key": "sk_live_4eC39HqLyjWDarjtT1zd"} | more)) == 1


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        (CARDS, "test"),
        (CARDS | {"stripe_secret_key": "rk_live_4eC39HqLyjWDarjtT1zd"}, "live"),
        (PLAIN | BITCOIN, "live"),
        (PLAIN | BITCOIN | {"public_url": "http://127.0.0.1:8000"}, "test"),
        (PLAIN | BITCOIN | {"mode": "test"}, "test"),
    ],
)
def test_the_mode_of_keys_follows_stripe_then_the_address_unless_said(values, mode):
    assert settings(**values).mode == mode


@pytest.mark.parametrize(("url", "secure"), [("https://pay.shop.dev", True), ("http://127.0.0.1", False)])
def test_cookies_are_bound_to_https_where_there_is_any(url, secure):
    assert settings(**CARDS | {"public_url": url}).secure is secure


def test_no_problem_repeats_a_value():
    secret = "S3cretButBad value"
    names = (
        "secret_key",
        "key_peppers",
        "stripe_secret_key",
        "stripe_webhook_secret",
        "admin_token",
        "redis_url",
        "port",
    )

    with pytest.raises(SettingsError) as caught:
        settings(**CARDS | dict.fromkeys(names, secret))

    assert "S3cret" not in str(caught.value) + repr(caught.value)


def test_settings_print_without_their_secrets():
    shown = repr(settings(**CARDS, **BITCOIN, database_url="postgresql://u:dbpassword@h/d"))

    assert [secret for secret in (*CARDS.values(), *BITCOIN.values(), "dbpassword") if secret in shown] == [
        CARDS["public_url"],
        BITCOIN["btcpay_url"],
        BITCOIN["btcpay_store_id"],
    ]
