"""The rails that are configured: settings on the left, the providers' own names on the right."""

from app.config import Settings
from providers import build
from providers.base import Provider


def build_rails(settings: Settings) -> dict[str, Provider]:
    """Providers by name. Settings have checked that each is configured whole or not at all."""
    rails: dict[str, Provider] = {}
    if settings.stripe_secret_key:
        rails["stripe"] = build(
            "stripe",
            secret_key=settings.stripe_secret_key.get_secret_value(),
            webhook_secrets=tuple(secret.get_secret_value() for secret in settings.stripe_webhook_secret),
            api_base=settings.stripe_api_base,
        )
    if settings.btcpay_api_key:
        rails["btcpay"] = build(
            "btcpay",
            url=settings.btcpay_url,
            api_key=settings.btcpay_api_key.get_secret_value(),
            store_id=settings.btcpay_store_id,
            webhook_secrets=tuple(secret.get_secret_value() for secret in settings.btcpay_webhook_secret),
        )
    return rails
