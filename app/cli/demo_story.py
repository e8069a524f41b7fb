"""The whole story, played over HTTP against a running demo: buy by card, meet the limit, rotate, buy by bitcoin, be revoked."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click
import requests

ANSWER_WITHIN = 15.0  # seconds for any one request
WEBHOOKS_WITHIN = 20.0  # seconds until all webhooks of a step have arrived
POLL_SECONDS = 0.2
GATE_FORGETS = 1.1  # seconds that a process without Redis trusts what it just read
BUYER = "buyer@example.com"
MOST_REQUESTS = 200  # before a limit must have been met

Json = dict[str, Any]


class StoryBroken(Exception):
    """Something did not happen as told."""


@dataclass
class Story:
    """Where it plays, and what the buyer holds so far."""

    gateway: str
    sandbox: str
    admin_token: str
    http: requests.Session = field(default_factory=requests.Session)
    order: Json = field(default_factory=dict)
    key: str = ""
    limit: int = 0

    def ask(self, method: str, path: str, *, key: str = "", status: int = 200, **more: Any) -> requests.Response:
        """Call the gateway and insist on the status."""
        headers = {"X-API-Key": key} if key else {}
        headers |= more.pop("headers", {})
        answer = self.http.request(method, self.gateway + path, headers=headers, timeout=ANSWER_WITHIN, **more)
        expect(
            answer.status_code == status,
            f"{method} {path} answered {answer.status_code} instead of {status}: {answer.text[:300]}",
        )
        return answer

    def press(self, button: str) -> None:
        """Press a button on the order's pay page, and wait until the gateway has heard of it."""
        url = str(self.order["checkout_url"])
        page = self.http.post(url, data={"do": button}, timeout=ANSWER_WITHIN, allow_redirects=False)
        expect(page.status_code == 303, f"the pay page answered {page.status_code}")
        drained = self.http.post(
            f"{self.sandbox}/sandbox/drain", params={"seconds": WEBHOOKS_WITHIN}, timeout=WEBHOOKS_WITHIN + 5
        )
        expect(drained.status_code == 200, "webhooks were not delivered in time")

    def buy(self, plan: str, provider: str) -> None:
        """Open an order; the key is born with it."""
        body = {"plan": plan, "provider": provider, "email": BUYER}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        self.order = self.ask("POST", "/v1/orders", json=body, headers=headers, status=201).json()
        again = self.ask("POST", "/v1/orders", json=body, headers=headers, status=201).json()
        expect(
            again["id"] == self.order["id"] and again["api_key"] == self.order["api_key"],
            "the same request made another order",
        )
        self.key = self.order["api_key"]

    def inbox(self, kind: str) -> list[Json]:
        """What the sandbox was sent: `letters` or `messages`."""
        found: list[Json] = self.http.get(f"{self.sandbox}/sandbox/{kind}", timeout=ANSWER_WITHIN).json()["data"]
        return found

    def refused(self, status: int, code: str, *, key: str = "") -> Json:
        """The gate's refusal, with its stable code."""
        problem: Json = self.ask("GET", "/v1/whoami", key=key or self.key, status=status).json()
        expect(problem["code"] == code, f"the code is {problem['code']} instead of {code}")
        return problem


def until(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    give_up = time.monotonic() + WEBHOOKS_WITHIN
    while not (holds := condition()) and time.monotonic() < give_up:
        time.sleep(POLL_SECONDS)
    return holds


def expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 (an assertion reads so)
    """Raises StoryBroken."""
    if not holds:
        raise StoryBroken(otherwise)


def tell(gateway: str, sandbox: str, admin_token: str) -> bool:
    """Play every step, a line each; False at the first one that fails."""
    story = Story(gateway, sandbox, admin_token)
    with story.http:
        story.http.trust_env = False  # everything is on this machine: no proxy
        return all(_play(title, step, story) for title, step in STEPS)


def _play(title: str, step: Callable[[Story], None], story: Story) -> bool:
    began = time.monotonic()
    try:
        step(story)
    except (StoryBroken, requests.RequestException, ValueError, KeyError) as error:
        click.echo(f"  ✗ {title}\n    {type(error).__name__}: {error}")
        return False
    click.echo(f"  ✓ {title:<66} {time.monotonic() - began:6.2f} s")
    return True


def plans(story: Story) -> None:
    """Anyone may look."""
    slugs = {plan.get("slug", plan.get("id")) for plan in story.ask("GET", "/v1/plans").json()["data"]}
    expect({"pro", "team", "enterprise"} <= slugs, f"the plans are {slugs}")


def order_by_card(story: Story) -> None:
    """The order, the key and the address to pay at, in one answer."""
    story.buy("pro", "stripe")
    expect(
        story.order["status"] == "open" and story.order["checkout_url"].startswith(story.sandbox),
        f"the order is {story.order}",
    )


def not_yet(story: Story) -> None:
    """The key exists but does not work."""
    problem = story.refused(402, "payment_required")
    expect(problem["order_url"] == story.order["order_url"], "402 does not say where to pay")


def pay_by_card(story: Story) -> None:
    """The test page, and the signed webhook it causes."""
    story.press("pay")
    deliveries = story.http.get(f"{story.sandbox}/sandbox/deliveries", timeout=ANSWER_WITHIN).json()["data"]
    states = {delivery["state"] for delivery in deliveries if delivery["rail"] == "stripe"}
    expect(states == {"delivered"}, f"webhooks are {states}")


def is_told(story: Story) -> None:
    """The worker sends what the payment has to tell: letters to people, messages to programs."""
    paid = f'"order":"{story.order["id"]}"'
    told = until(lambda: any(BUYER in letter["to"] for letter in story.inbox("letters")))
    expect(told, "no letter has come")
    told = until(lambda: any(m["event"] == "order.paid" and paid in m["body"] for m in story.inbox("messages")))
    expect(told, "no message order.paid has come")


def passes(story: Story) -> None:
    """The same key, now paid for."""
    me = story.ask("GET", "/v1/whoami", key=story.key).json()
    expect(me["plan"] == "pro" and me["key_id"] == story.order["key_id"], f"the key is {me}")
    story.limit = me["limits"][0]["limit"]


def meets_the_limit(story: Story) -> None:
    """Every answer counts down; the first one too many says when to come back. A window may turn once on the way."""
    for _ in range(MOST_REQUESTS):
        answer = story.http.get(f"{story.gateway}/v1/whoami", headers={"X-API-Key": story.key}, timeout=ANSWER_WITHIN)
        expect(
            "RateLimit" in answer.headers and "RateLimit-Policy" in answer.headers, "the RateLimit headers are missing"
        )
        if answer.status_code != 200:
            break
        expect("Retry-After" not in answer.headers, "a 200 says Retry-After")
    expect(answer.status_code == 429, f"instead of 429 came {answer.status_code}")
    expect(answer.json()["code"] == "rate_limited", f"the code is {answer.json()['code']}")
    expect(";r=0;" in answer.headers["RateLimit"], f"RateLimit is {answer.headers['RateLimit']}")
    expect(1 <= int(answer.headers["Retry-After"]) <= 60, f"Retry-After is {answer.headers['Retry-After']}")


def rotates(story: Story) -> None:
    """Both keys open what the holder owns, and both meet the same full window: a rotation gives no fresh one."""
    old, made = story.key, story.ask("POST", "/v1/keys/rotate", key=story.key, json={"grace_seconds": 3600}).json()
    expect(made["api_key"] != old and made["previous"]["ends_at"], f"the rotation answered {sorted(made)}")
    for key in (old, made["api_key"]):
        story.ask("GET", f"/v1/orders/{story.order['id']}", key=key)
        answer = story.http.get(f"{story.gateway}/v1/whoami", headers={"X-API-Key": key}, timeout=ANSWER_WITHIN)
        expect(answer.status_code in (200, 429), f"after the rotation a key gets {answer.status_code}")


def order_by_bitcoin(story: Story) -> None:
    """Another order, another key."""
    story.buy("pro", "btcpay")


def underpays(story: Story) -> None:
    """Half the price opens nothing, and the order says what is missing."""
    story.press("underpay")
    story.refused(402, "payment_required")
    order = story.ask("GET", f"/v1/orders/{story.order['id']}", key=story.key).json()
    expect(0 < order["amount_due"] < order["amount"], f"still due: {order['amount_due']} of {order['amount']}")


def pays_the_rest(story: Story) -> None:
    """All of it is announced, but nothing is final."""
    story.press("pay_rest")
    story.refused(402, "payment_required")


def settles(story: Story) -> None:
    """The blockchain has confirmed it."""
    story.press("confirm")
    passes(story)


def is_revoked(story: Story) -> None:
    """An operator ends the key; without Redis the gate may remember it for one second more."""
    admin = {"Authorization": f"Bearer {story.admin_token}"}
    story.ask("POST", f"/v1/admin/keys/{story.order['key_id']}/revoke", headers=admin, json={})
    time.sleep(GATE_FORGETS)
    story.refused(401, "revoked_key")


STEPS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    ("the plans are on show", plans),
    ("an order by card gives the key, and repeating it gives the same", order_by_card),
    ("the key is told 402 before the payment", not_yet),
    ("the test page is paid; signed webhooks arrive", pay_by_card),
    ("the buyer gets a letter, the operator's program a message", is_told),
    ("the key passes /v1/whoami", passes),
    ("200s until 429, with RateLimit and Retry-After", meets_the_limit),
    ("the key is rotated with grace; both work and share the limit", rotates),
    ("an order by bitcoin gives another key", order_by_bitcoin),
    ("half is paid: still 402, and the order says what is due", underpays),
    ("the rest is paid: announced, not final, still 402", pays_the_rest),
    ("the payment settles: the key passes", settles),
    ("an operator revokes it: 401", is_revoked),
)
