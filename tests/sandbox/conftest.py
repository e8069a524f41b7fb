"""A running sandbox, a place that receives its webhooks, and the real clients."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests
import stripe
from flask import Flask, Response, request
from werkzeug.serving import make_server

from sandbox import Config, PriceSpec, Running

PRICES = (
    PriceSpec("price_pro", 1200, "usd", "month"),
    PriceSpec("price_team", 3900, "usd", "month"),
    PriceSpec("price_once", 9900, "usd"),
    PriceSpec("price_old", 900, "usd", "month", active=False),
)


@dataclass
class Mailbox:
    """What was posted to us, and what we answer: the statuses in turn, then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)  # rail, body, headers

    def take(self, rail: str) -> Response:
        """The webhook endpoint."""
        self.received.append((rail, request.get_data(), dict(request.headers)))
        return Response(status=self.answers.pop(0) if self.answers else 200)

    def bodies(self, rail: str) -> list[bytes]:
        """Of one rail, in the order of arrival."""
        return [body for where, body, _ in self.received if where == rail]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    app = Flask(__name__)
    app.add_url_rule("/<rail>", view_func=box.take, methods=["POST"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    box.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield box
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sandbox(mailbox: Mailbox) -> Iterator[Running]:
    with Running(Config(prices=PRICES, webhooks=mailbox.url, retries=(0.05, 0.05, 0.05))) as running:
        yield running


@pytest.fixture
def client(sandbox: Running) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_sandbox", base_addresses={"api": sandbox.stripe_base})


@dataclass
class Control:
    """The sandbox's own API."""

    url: str
    http: requests.Session

    def post(self, path: str, **body: object) -> requests.Response:
        return self.http.post(f"{self.url}/sandbox{path}", json=body, timeout=10)

    def get(self, path: str) -> dict:
        return self.http.get(f"{self.url}/sandbox{path}", timeout=10).json()

    def session(self, name: str, *actions: str, **body: object) -> dict:
        """Do actions to a Stripe session, wait for the webhooks, and give the last state."""
        answers = [self.post(f"/stripe/sessions/{name}/{action}", **body).json() for action in actions]
        self.post("/drain")
        return answers[-1]

    def invoice(self, name: str, *actions: str, **body: object) -> dict:
        """Do actions to a BTCPay invoice, wait for the webhooks, and give the last state."""
        answers = [self.post(f"/btcpay/invoices/{name}/{action}", **body).json() for action in actions]
        self.post("/drain")
        return answers[-1]


@pytest.fixture
def control(sandbox: Running) -> Iterator[Control]:
    with requests.Session() as http:
        yield Control(sandbox.url, http)


@dataclass
class Greenfield:
    """BTCPay's API through requests."""

    url: str
    http: requests.Session

    def call(self, method: str, path: str = "", **more: object) -> requests.Response:
        return self.http.request(method, f"{self.url}/api/v1/stores/SandboxStore/invoices{path}", timeout=10, **more)

    def create(self, **body: object) -> dict:
        return self.call("POST", json={"amount": "12.00", "currency": "USD"} | body).json()


@pytest.fixture
def btcpay(sandbox: Running) -> Iterator[Greenfield]:
    with requests.Session() as http:
        http.headers["Authorization"] = "token sandbox-btcpay-key"
        yield Greenfield(sandbox.btcpay_url, http)
