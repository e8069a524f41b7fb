"""Every setting, by its plain environment name. The descriptions are the documentation: `.env.example` is made from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AliasChoices, Field

from app.config import post, values
from app.config.checked import Checked
from app.config.rules import RULES, host_of, stripe_mode
from keystore.secret import Peppers


def _shipped_catalog() -> Path:
    """`catalog.toml` here, else the one that came with the package."""
    here = Path("catalog.toml")
    return here if here.exists() else Path(__file__).parents[2] / "catalog.toml"


class DatabaseSettings(Checked):
    """What migrations need: they run before anything else is configured."""

    database_url: values.DatabaseUrl = Field(
        "sqlite:///var/tollgate.db", repr=False, description="SQLite file or PostgreSQL database."
    )


class Settings(DatabaseSettings):
    """The whole configuration of one process. `Settings()` reads it and raises SettingsError with every mistake at once."""

    RULES = RULES

    if TYPE_CHECKING:  # the environment fills in what a caller leaves out, which type checkers cannot know

        def __init__(self, **values: Any) -> None: ...

    public_url: values.Origin = Field(
        description="Where buyers and providers reach this gateway. https, except on a private host.",
        examples=["http://127.0.0.1:8000"],
    )
    secret_key: values.OwnSecret = Field(
        repr=False, description="Root of cookies, links and repeatable answers. At least 16 characters."
    )
    key_peppers: values.PepperList = Field(
        repr=False,
        description="Secrets behind the stored MACs of API keys, <label>:<16 characters or more>, newest first. Losing one kills the keys made with it.",
        examples=["v1:"],
    )
    redis_url: values.RedisUrl | None = Field(
        None,
        repr=False,
        description="Shared counters: one Redis, a cluster or sentinels. Needed as soon as there is more than one worker.",
        examples=["redis://127.0.0.1:6379/0"],
    )

    stripe_secret_key: values.StripeKey | None = Field(
        None, repr=False, description="Cards: secret or restricted API key (sk_… or rk_…)."
    )
    stripe_webhook_secret: values.StripeHookSecrets = Field(
        (),
        repr=False,
        description="Signing secret of the webhook endpoint (whsec_…); several, comma-separated, while rotating.",
    )
    stripe_api_base: values.Url = Field(
        "https://api.stripe.com", description="Another address for Stripe's API; only for stand-ins."
    )
    btcpay_url: values.Url | None = Field(
        None,
        validation_alias=AliasChoices("btcpay_url", "btcpay_host", "autotele_btcpay_url"),
        description="Bitcoin: address of your BTCPay Server. BTCPAY_HOST works too.",
        examples=["https://btcpay.example.com"],
    )
    btcpay_api_key: values.BTCPayKey | None = Field(
        None,
        repr=False,
        validation_alias=AliasChoices("btcpay_api_key", "autotele_api_key"),
        description="API key with cancreateinvoice and canviewinvoices; canmodifyinvoices lets checkouts be closed, cancreatenonapprovedpullpayments refunds be made, canviewstoresettings a renewal's price be told in sats.",
    )
    btcpay_store_id: str | None = Field(
        None,
        validation_alias=AliasChoices("btcpay_store_id", "autotele_store_id"),
        pattern=r"^[A-Za-z0-9_-]{1,80}$",
        description="The store that receives the money.",
    )
    btcpay_webhook_secret: values.BTCPayHookSecrets = Field(
        (),
        repr=False,
        validation_alias=AliasChoices("btcpay_webhook_secret", "webhook_secret"),
        description="Secret of the store's webhook; several, comma-separated. WEBHOOK_SECRET works too.",
    )

    catalog: Path = Field(
        default_factory=_shipped_catalog, description="The file with plans and prices.", examples=["catalog.toml"]
    )
    key_prefix: values.Prefix = Field(
        "tg",
        description="What every API key starts with, for secret scanners and for people. Choose it before the first sale: keys that start otherwise are refused.",
    )
    mode_setting: Literal["live", "test"] | None = Field(
        None,
        validation_alias=AliasChoices("mode"),
        description="live or test, as it stands in every key. Left out: Stripe's key tells; without Stripe, a loopback PUBLIC_URL means test.",
        examples=["test"],
    )
    admin_token: values.OwnSecret | None = Field(
        None,
        repr=False,
        description="Opens /v1/admin, as named tokens do (`tollgate admin-tokens`). At least 16 characters.",
    )
    service_tokens: values.OwnSecrets = Field(
        (), repr=False, description="For gateways that verify keys over HTTP; several, comma-separated."
    )
    allowed_return_hosts: values.Hosts = Field(
        (), description="Hosts besides PUBLIC_URL's that buyers may be sent back to.", examples=["app.example.com"]
    )
    trusted_proxies: values.Networks = Field(
        (),
        description="Addresses or networks whose X-Forwarded-* headers are believed; unix: whoever comes by a unix socket.",
        examples=["127.0.0.1,10.0.0.0/8"],
    )
    grace_days: values.Whole = Field(
        3,
        ge=0,
        le=60,
        description="Days a key keeps working after its paid time, so that a renewal may be late. "
        "A prepaid term is followed by a tenth of it at most.",
    )

    smtp_url: post.SmtpUrl | None = Field(
        None,
        repr=False,
        description="The mail server, smtp://…?starttls or smtps://. Left out: no mail is sent.",
        examples=["smtp://user:password@mail.example.com:587?starttls"],
    )
    mail_from: post.Mailbox | None = Field(
        None, description="The sender of our mail.", examples=["Example <billing@example.com>"]
    )
    operator_email: post.Mailbox | None = Field(
        None, description="Who hears by mail of orders that need attention.", examples=["operator@example.com"]
    )
    reminder_days: post.Days = Field(
        default_factory=lambda: (7, 1),
        description="How many days before a prepaid term ends its buyer is reminded.",
        examples=["7,1"],
    )
    allow_private_webhooks: bool = Field(
        False,
        description="Outgoing webhooks may go to private addresses and over http. For trials only.",
        examples=["true"],
    )

    bind: values.Bind = Field(
        "127.0.0.1:8000",
        description="Where the web server listens: host:port, or unix:/path for a proxy on this machine.",
    )
    port: values.Whole | None = Field(
        None,
        ge=1,
        le=65535,
        description="Listen on every address at this port instead (hosting platforms set it).",
        examples=["8000"],
    )
    web_concurrency: values.Whole = Field(1, ge=1, le=256, description="Worker processes of this web server.")
    threads: values.Whole = Field(
        8, ge=1, le=256, description="Threads in each worker process. Left out, 4 on granian."
    )
    gate_workers_total: values.Whole = Field(
        default_factory=lambda given: given.get("web_concurrency", 1),
        ge=1,
        le=10_000,
        description="Worker processes on all machines together: each one's share of a limit while Redis is away. Left out: WEB_CONCURRENCY.",
        examples=["1"],
    )
    worker: Literal["embedded", "off"] = Field(
        "embedded", description="embedded: background work in the web process. off: run `tollgate worker` beside it."
    )
    sweep_seconds: values.Whole = Field(
        300, ge=1, le=86_400, description="How often providers are asked about payments whose notification never came."
    )
    retention_days: values.Whole = Field(
        90,
        ge=0,
        le=36_500,
        description="Days after which notifications that were worked on, and what was sent, are forgotten. 0: never. Money and the audit log stay.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")

    @property
    def mode(self) -> str:
        """`live` or `test`: MODE, else what Stripe's key says, else whether we are on loopback."""
        key = self.stripe_secret_key.get_secret_value() if self.stripe_secret_key else ""
        guess = "test" if values.is_loopback(host_of(self.public_url)) else "live"
        return self.mode_setting or stripe_mode(key) or guess

    @property
    def secure(self) -> bool:
        """Whether buyers reach us over https: cookies are then bound to it."""
        return self.public_url.startswith("https://")

    @property
    def address(self) -> str:
        """Where the web server listens: host:port or unix:/path."""
        return f"0.0.0.0:{self.port}" if self.port else self.bind

    @property
    def secret_bytes(self) -> bytes:
        """SECRET_KEY for key derivation."""
        return self.secret_key.get_secret_value().encode()

    @property
    def peppers(self) -> Peppers:
        """KEY_PEPPERS as the keystore takes them."""
        return Peppers.parse(self.key_peppers.get_secret_value())

    @property
    def rails(self) -> tuple[str, ...]:
        """Names of the providers that are configured."""
        return tuple(name for name, given in (("stripe", self.stripe_secret_key), ("btcpay", self.btcpay_url)) if given)

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """In plain, for the provider only."""
        return tuple(secret.get_secret_value() for secret in self.stripe_webhook_secret)

    @property
    def btcpay_webhook_secrets(self) -> tuple[str, ...]:
        """In plain, for the provider only."""
        return tuple(secret.get_secret_value() for secret in self.btcpay_webhook_secret)
