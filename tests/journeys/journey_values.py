"""What gateway and sandbox share in every journey: prices, secrets, the catalogue."""

from pathlib import Path

from sandbox import Config, PriceSpec

CATALOG = Path(__file__).with_name("journey_catalog.toml")
PRICES = (
    PriceSpec("price_pro", 1200, "usd", "month"),
    PriceSpec("price_team", 3900, "usd", "month"),
    PriceSpec("price_enterprise", 9900, "usd", "month"),
    PriceSpec("price_once", 9900, "usd"),
    PriceSpec("price_promo", 1200, "usd", "month"),
    PriceSpec("price_promo_once", 9900, "usd"),
)
SECRETS = {
    "secret_key": "k9Qd7VwZr2Lx8Tn4Yb6Hs1Mf3Pc5Jg0A",
    "key_peppers": "v1:t3Rw8Kz1Qm6Xc9Vb2Ny5Hj7Lp4Sd0Gf7",
    "admin_token": "n6Bv3Xs9Kq2Wd5Hz8Tm1Rj4Pf7Lc0Yg",
    "stripe_secret_key": "sk_test_4eC39HqLyjWDarjtT1zd",
    "stripe_webhook_secret": "whsec_9fK2mVx7Qa4Zt1Lr",
    "btcpay_api_key": "b7Kd2Wq9Zx4Lm1Rv",
    "btcpay_store_id": "Store1",
    "btcpay_webhook_secret": "h5Tn8Yc3Vb6Qw1Xz",
}
OLD_SECRET = "whsec_3pB8nZk5Yd2Qs7Fx"  # Stripe signs with both for a day
SANDBOX = Config(
    stripe_key=SECRETS["stripe_secret_key"],
    stripe_webhook_secret=SECRETS["stripe_webhook_secret"],
    btcpay_key=SECRETS["btcpay_api_key"],
    btcpay_store=SECRETS["btcpay_store_id"],
    btcpay_webhook_secret=SECRETS["btcpay_webhook_secret"],
    prices=PRICES,
    retries=(0.1, 0.1, 0.1),
)
