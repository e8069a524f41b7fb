import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import responses
from sent_requests import SPECS, complaints
from standin import BTCPAY_SECRET, BTCPAY_SECRET_OLD, BTCPAY_URL, NOW, STRIPE_URL, WHSEC, WHSEC_OLD, StandIn

from providers import build
from providers.events import CheckoutRequest, Money


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def _stand_in(wire: responses.RequestsMock, url: str) -> StandIn:
    server = StandIn()
    for method in ("GET", "POST", "DELETE"):
        wire.add_callback(method, re.compile(re.escape(url) + ".*"), callback=server)
    return server


@pytest.fixture
def stripe_api(wire) -> Iterator[StandIn]:
    """A lean Stripe. Whatever a test made us send is checked against Stripe's description, where that is present."""
    server = _stand_in(wire, STRIPE_URL)
    yield server
    assert not SPECS.exists() or [found for request in server.sent for found in complaints("stripe", request)] == []


@pytest.fixture
def stripe_api_unwatched(wire) -> StandIn:
    """The same for a path that the description beside the checkout leaves out."""
    return _stand_in(wire, STRIPE_URL)


@pytest.fixture
def btcpay_api(wire) -> Iterator[StandIn]:
    """A lean BTCPay Server, watched in the same way."""
    server = _stand_in(wire, BTCPAY_URL)
    yield server
    assert not SPECS.exists() or [found for request in server.sent for found in complaints("btcpay", request)] == []


@pytest.fixture
def cards():
    return build("stripe", secret_key="sk_test_abc", webhook_secrets=(WHSEC, WHSEC_OLD), api_base=STRIPE_URL)


@pytest.fixture
def bitcoin():
    secrets = (BTCPAY_SECRET, BTCPAY_SECRET_OLD)
    return build(
        "btcpay", url=BTCPAY_URL + "/", api_key="key", store_id="STORE1", webhook_secrets=secrets, clock=lambda: NOW
    )


@pytest.fixture
def order() -> CheckoutRequest:
    return CheckoutRequest(
        checkout="chk_1",
        order="ord_1",
        attempt=1,
        nonce="0123456789abcdef0123456789abcdef",
        money=Money(2999, "USD"),
        plan="pro",
        description="Pro, 30 days",
        success_url="https://gate.example/orders/ord_1",
        cancel_url="https://gate.example/",
        expires_at=NOW + timedelta(hours=1),
        price="price_pro",
        email="buyer@example.com",
        locale="fr",
    )
