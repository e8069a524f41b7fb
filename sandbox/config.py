"""Everything that can be set about a sandbox, from Python, the command line or the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

VIEW, CREATE, MODIFY = (f"btcpay.store.{name}" for name in ("canviewinvoices", "cancreateinvoice", "canmodifyinvoices"))
REFUND = "btcpay.store.cancreatenonapprovedpullpayments"
LOOK = "btcpay.store.canviewstoresettings"
RATES = {"USD": "50000", "EUR": "46000", "GBP": "40000", "JPY": "7500000", "BTC": "1", "SATS": "100000000"}


@dataclass(frozen=True, slots=True)
class PriceSpec:
    """A Stripe price on offer. `amount` in the currency's minor unit; `interval` day | week | month | year, None = one-time."""

    id: str
    amount: int
    currency: str = "usd"
    interval: str | None = None
    active: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """`price_pro=1200:usd:month`, or `price_pro=1200:usd` for a one-time price. Raises ValueError."""
        name, _, rest = text.partition("=")
        amount, currency, interval, *more = [*rest.split(":"), "", ""]
        if not name or not currency or any(more):
            raise ValueError(f"not a price: {text!r} (expected id=amount:currency[:interval])")
        return cls(name.strip(), int(amount), currency.lower(), interval or None)


@dataclass(frozen=True, slots=True)
class Config:
    """`webhooks` is the address that `/stripe` and `/btcpay` are appended to; None sends nothing. Times in seconds."""

    stripe_key: str = "sk_test_sandbox"
    stripe_webhook_secret: str = "whsec_sandbox"
    btcpay_key: str = "sandbox-btcpay-key"
    btcpay_store: str = "SandboxStore"
    btcpay_webhook_secret: str = "sandbox-btcpay-secret"
    btcpay_permissions: tuple[str, ...] = (VIEW, CREATE, MODIFY, REFUND, LOOK)
    prices: tuple[PriceSpec, ...] = ()
    webhooks: str | None = None
    public_url: str | None = None  # as browsers reach it, where that is not how the gateway reaches it
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one
    smtp_port: int | None = None  # a mail server beside it; 0: any free port, None: none
    retries: tuple[float, ...] = (1.0, 3.0, 10.0)  # waits between attempts of a delivery
    rates: Mapping[str, Decimal] = field(default_factory=lambda: {code: Decimal(rate) for code, rate in RATES.items()})

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the gateway's own setting names for what both sides must share, and SANDBOX_* for the rest. Raises ValueError."""
        plain = cls()
        prices = environ.get("SANDBOX_PRICES", "").split()
        return cls(
            stripe_key=environ.get("STRIPE_SECRET_KEY", plain.stripe_key),
            stripe_webhook_secret=environ.get("STRIPE_WEBHOOK_SECRET", plain.stripe_webhook_secret),
            btcpay_key=environ.get("BTCPAY_API_KEY", plain.btcpay_key),
            btcpay_store=environ.get("BTCPAY_STORE_ID", plain.btcpay_store),
            btcpay_webhook_secret=environ.get("BTCPAY_WEBHOOK_SECRET", plain.btcpay_webhook_secret),
            prices=tuple(PriceSpec.parse(price) for price in prices),
            webhooks=environ.get("SANDBOX_WEBHOOKS"),
            public_url=environ.get("SANDBOX_PUBLIC_URL"),
            host=environ.get("SANDBOX_HOST", plain.host),
            port=int(environ.get("SANDBOX_PORT", "0")),
            smtp_port=int(environ["SANDBOX_SMTP_PORT"]) if environ.get("SANDBOX_SMTP_PORT") else None,
        )
