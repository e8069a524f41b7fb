"""Settings of mail: nothing in clear over the open net, nothing by halves."""

import pytest

from app.config import Settings, SettingsError

NEEDED = {
    "public_url": "http://127.0.0.1:8000",
    "secret_key": "k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A",
    "key_peppers": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7",
    "stripe_secret_key": "sk_test_4eC39HqLyjWDarjtT1zd",
    "stripe_webhook_secret": "whsec_9fK2mVx7Qa4Zt1Lr",
}


def settings(**changes):
    return Settings(_env_file=None, **NEEDED, **changes)


@pytest.mark.parametrize(
    "url",
    [
        "smtps://user:pass%20word@mail.example.com",
        "smtp://user:password@mail.example.com:587?starttls",
        "smtp://127.0.0.1:1025",
        "smtp://mail",
    ],
)
def test_a_mail_server_is_taken(url):
    assert settings(smtp_url=url, mail_from="a@example.com").smtp_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example.com",
        "http://mail.example.com",
        "mail.example.com",
        "smtps://user@mail.example.com",
        "smtps://user:pass@mail.example.com:99999",
        "smtps://mail.example.com/path",
        "smtps://mail.example.com?tls=no",
        "smtps://user:p%C3%A9@mail.example.com",
    ],
)
def test_what_is_no_safe_mail_server_is_named(url):
    with pytest.raises(SettingsError, match="SMTP_URL"):
        settings(smtp_url=url, mail_from="a@example.com")


def test_a_mistake_does_not_show_the_password():
    with pytest.raises(SettingsError) as error:
        settings(smtp_url="smtp://user:hunter22@mail.example.com", mail_from="a@example.com")
    assert "hunter22" not in str(error.value)


def test_a_mail_server_needs_a_sender():
    with pytest.raises(SettingsError, match="MAIL_FROM"):
        settings(smtp_url="smtp://127.0.0.1:1025")


@pytest.mark.parametrize("sender", ["a@example.com", "Shop <a@example.com>"])
def test_a_sender_is_taken(sender):
    assert settings(mail_from=sender).mail_from == sender


@pytest.mark.parametrize(
    "sender", ["me", "a@", "@example.com", "a@example.com, b@example.com", "a@example.com\nBcc: b@example.com"]
)
def test_what_is_no_sender_is_named(sender):
    with pytest.raises(SettingsError, match="MAIL_FROM"):
        settings(mail_from=sender)


def test_reminders_are_sorted_the_longest_first():
    assert settings(reminder_days="1, 14,7,7").reminder_days == (14, 7, 1)


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "week", "91"])
def test_what_is_no_number_of_days_is_named(days):
    with pytest.raises(SettingsError, match="REMINDER_DAYS"):
        settings(reminder_days=days)
