"""`python -m sandbox`: run it until interrupted."""

import signal
import threading
from dataclasses import replace

import click

from sandbox.config import Config, PriceSpec
from sandbox.server import Running


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes any free one.")
@click.option("--webhooks", help="Where events go; /stripe and /btcpay are appended.")
@click.option("--price", "prices", multiple=True, help="id=amount:currency[:interval], for each Stripe price.")
@click.option("--public-url", help="How browsers reach this sandbox, if not as the gateway does.")
def main(
    host: str | None, port: int | None, webhooks: str | None, prices: tuple[str, ...], public_url: str | None
) -> None:
    """Stand in for Stripe and BTCPay. Secrets come from the gateway's own environment variables."""
    specs = tuple(PriceSpec.parse(price) for price in prices)
    given = {"host": host, "port": port, "webhooks": webhooks, "prices": specs or None, "public_url": public_url}
    config = replace(Config.from_env(), **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Running(config) as running:
        click.echo(f"sandbox on {running.url}, webhooks to {config.webhooks or 'nobody'}")
        ended.wait()


if __name__ == "__main__":
    main()
