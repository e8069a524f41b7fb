"""Everything that buyers, operators and the two providers do in a journey, over HTTP."""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

import requests
import stripe
from journey_values import SECRETS

from app.sweep import sweep
from app.tollgate import Tollgate
from app.worker import run_once
from sandbox import Running
from sandbox.delivery import Letter

CALM = {"fault": "normal", "api": "normal", "delay": 2}
WHERE = {"stripe": "/stripe/sessions", "btcpay": "/btcpay/invoices"}


@dataclass(frozen=True)
class Bought:
    """An order as its buyer got it. `reference`: the provider's session or invoice."""

    id: str
    key: str
    key_id: str
    provider: str
    reference: str

    @classmethod
    def of(cls, body: dict) -> "Bought":
        reference = body["checkout_url"].rpartition("/")[2]
        return cls(body["id"], body["api_key"], body["key_id"], body["provider"], reference)


@dataclass(eq=False)
class Shop:
    """Everything a buyer, an operator and two providers can do over HTTP."""

    url: str
    sandbox: Running
    tollgate: Tollgate | None = None  # only where the gateway runs in this process
    http: requests.Session = field(default_factory=requests.Session)
    bought: list[Bought] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # answers of 500 and more

    def ask(self, plan: str = "pro", provider: str = "stripe", *, key: str | None = None, **more) -> requests.Response:
        """POST /v1/orders."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        body = {"plan": plan, "provider": provider, **more}
        answer = self.http.post(f"{self.url}/v1/orders", json=body, headers=headers, timeout=30)
        if answer.status_code == 201 and answer.json()["checkout_url"]:
            self.bought.append(Bought.of(answer.json()))
        return answer

    def buy(self, plan: str = "pro", provider: str = "stripe", **more) -> Bought:
        """An order with an open checkout."""
        answer = self.ask(plan, provider, **more)
        assert answer.status_code == 201, answer.text
        return self.bought[-1]

    def add_checkout(self, bought: Bought, provider: str) -> requests.Response:
        """POST /v1/orders/{id}/checkouts."""
        headers = {"Authorization": f"Bearer {bought.key}"}
        url = f"{self.url}/v1/orders/{bought.id}/checkouts"
        return self.http.post(url, json={"provider": provider}, headers=headers, timeout=30)

    def order(self, bought: Bought) -> dict:
        """GET /v1/orders/{id}, with the order's own key."""
        return self._get(f"/v1/orders/{bought.id}", bought.key).json()

    def standing(self, bought: Bought) -> tuple[str, str | None]:
        """The order's status, and why an operator should look at it."""
        order = self.order(bought)
        return order["status"], order["attention"]

    def whoami(self, bought: Bought) -> requests.Response:
        """The gate. It reads our own books only: asking never heals anything."""
        return self._get("/v1/whoami", bought.key)

    def gate(self, bought: Bought) -> str:
        """`allowed`, or the code of the refusal."""
        answer = self.whoami(bought)
        return "allowed" if answer.status_code == 200 else answer.json()["code"]

    def limits(self, bought: Bought) -> dict[str, int]:
        """Name and size of the windows that the key is counted in."""
        return {window["name"]: window["limit"] for window in self.whoami(bought).json()["limits"]}

    def working_keys(self) -> Counter[str]:
        """How many working keys each order has, as the operator sees it."""
        keys, more, after = [], True, {}
        while more:
            page = self._get("/v1/admin/keys", SECRETS["admin_token"], limit=100, status="active", **after).json()
            keys += page["data"]
            more, after = page["has_more"], {"starting_after": page["data"][-1]["id"]} if page["data"] else {}
        return Counter(key["order"] for key in keys if key["status"] == "active")

    def _get(self, path: str, token: str, **params) -> requests.Response:
        return self.http.get(
            f"{self.url}{path}", params=params, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def control(self, path: str, **body) -> dict:
        """The sandbox's control API."""
        answer = self.http.post(f"{self.sandbox.url}/sandbox{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def act(self, bought: Bought, *actions: str, **params) -> None:
        """What the buyer or the operator does at the provider, one after another; returns when every webhook was answered."""
        for action in actions:
            self.control(f"{WHERE[bought.provider]}/{bought.reference}/{action}", **params)
            self.control("/drain")

    def hold(self, bought: Bought, *actions: str, **params) -> list[Letter]:
        """The same while every webhook gets lost; gives the letters that never came."""
        before = len(self.sandbox.world.postman.deliveries)
        with self.weather(fault="lost"):
            self.act(bought, *actions, **params)
        return [delivery.letter for delivery in self.sandbox.world.postman.deliveries[before:]]

    def stranger(self, *actions: str, **body) -> list[Letter]:
        """An invoice in our store that we did not create, what is done to it, and the letters about it, not sent yet."""
        before = len(self.sandbox.world.postman.deliveries)
        with self.weather(fault="lost"):
            made = self.control("/btcpay/invoices", **body)
            self.act(Bought("", "", "", "btcpay", made["invoice"]["id"]), *actions)
        return [delivery.letter for delivery in self.sandbox.world.postman.deliveries[before:]]

    @contextmanager
    def weather(self, **faults) -> Iterator[None]:
        """`fault`, `api`, `delay`, `rail`, for as long as the block lasts."""
        self.control("/faults", **faults)
        try:
            yield
        finally:
            self.control("/faults", **CALM)

    def send(self, letter: Letter, *, first: bool = True) -> requests.Response:
        """Post a letter as the provider would, at once."""
        return self.post(letter.rail, *letter.render(first=first, forged=False))

    def states(self, letters: list[Letter]) -> list[str]:
        """Post letters one after another; what we answered to each."""
        return [self.send(letter).json()["state"] for letter in letters]

    def post(self, rail: str, body: bytes, headers: dict) -> requests.Response:
        """POST /v1/webhooks/{rail}. A connection of its own, so that copies can be sent at once."""
        return requests.post(f"{self.url}/v1/webhooks/{rail}", data=body, headers=headers, timeout=30)

    def made_for(self, order_id: str) -> list[str]:
        """Ids of the sessions and invoices of ours that exist at the providers for an order."""
        world = self.sandbox.world
        sessions = [s["id"] for s in world.of("checkout.session") if s["client_reference_id"] == order_id]
        invoices = [i for i in world.invoices.values() if i.metadata.get("orderId") == order_id]
        return sessions + [invoice.id for invoice in invoices if "tollgateNonce" in invoice.metadata]

    def later(self, **delta: float) -> Tollgate:
        """The same gateway at a later time."""
        moment = self.tollgate.clock() + timedelta(**delta)
        return replace(self.tollgate, clock=lambda: moment)

    def work(self) -> None:
        """The worker's rounds, a few minutes later, until nothing is due."""
        later = self.later(minutes=5)
        while run_once(later):
            self.control("/drain")  # what was closed at a provider is told by a webhook

    def settle_down(self) -> None:
        """Wait for what goes on behind answers already given."""
        self.tollgate.patience.drain(seconds=10)

    def sweep(self) -> None:
        """The sweep, an hour later, until nothing is left to ask about."""
        later = self.later(hours=1)
        while sweep(later):
            pass

    def broken_laws(self) -> list[str]:
        """One working key for each paid order, none for any other, and nobody was ever answered 500."""
        paid = {bought: self.order(bought)["status"] == "paid" for bought in self.bought}
        working = self.working_keys()
        found = {bought: (working[bought.id], self.gate(bought) == "allowed") for bought in paid}
        wrong = [
            f"{bought.id}: {found[bought]}" for bought in paid if found[bought] != (int(paid[bought]), paid[bought])
        ]
        return wrong + [line for line in self.failures if " 500 " in line or "/v1/webhooks" in line]


def signed(rail: str, event: dict | bytes, *, secret: str | None = None) -> tuple[bytes, dict]:
    """Body and headers of an event of our own making, signed as the provider signs."""
    body = event if isinstance(event, bytes) else json.dumps(event, indent=2).encode()
    secret = secret or SECRETS[f"{rail}_webhook_secret"]
    if rail == "stripe":
        return body, {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body.decode(), secret)}
    return body, {"BTCPay-Sig": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def event_of(letter: Letter, **changes) -> dict:
    """What a letter says, with changes."""
    return json.loads(letter.render(first=True, forged=False)[0]) | changes
