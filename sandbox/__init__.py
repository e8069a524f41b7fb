"""A stand-in for Stripe and BTCPay Server on one machine: the parts of both APIs that Tollgate calls, test pay pages, signed webhooks;
a mail server that keeps what it gets.

A separate program. The gateway never imports it and does not know it: the real clients reach it by base URL.
"""

from sandbox.config import Config, PriceSpec
from sandbox.server import Running, create_sandbox, start

__all__ = ["Config", "PriceSpec", "Running", "create_sandbox", "start"]
