"""Buyers, and what happens to their money. A buyer whose gateway dies asks again with the same Idempotency-Key, as clients should."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests
from chaos_stage import Stage

CONTROL = {"stripe": "stripe/sessions", "btcpay": "btcpay/invoices"}
PAUSE = 0.05  # seconds before a buyer asks again


class Gone(Exception):
    """Out of time; the buyer comes back later and goes on from there."""


@dataclass
class Buyer:
    """One story, step by step. Each step may be tried again; what is done stays done."""

    stage: Stage
    story: Sequence[tuple[str, ...]]
    rng: random.Random
    done: int = 0
    order: str = ""
    key: str | None = None  # None once a rotation's answer was lost
    references: dict[str, str] = field(default_factory=dict)  # rail -> the session or invoice to be paid now
    repeatable: str = field(default_factory=lambda: str(uuid4()))
    failures: list[str] = field(default_factory=list)  # answers that no buyer should ever get

    def go_on(self, *, until: float) -> bool:
        """Live the story on until its end (True) or until that monotonic time."""
        try:
            while self.done < len(self.story):
                name, *arguments = self.story[self.done]
                STEPS[name](self, until, *arguments)
                self.done += 1
        except Gone:
            return False
        return True

    def buy(self, until: float, plan: str, rail: str) -> None:
        """A new order with its key."""
        opened = self._ask(until, "POST", "/v1/orders", json={"plan": plan, "provider": rail}, repeatable=True)
        self.order, self.key = opened["id"], opened["api_key"]
        self._remember(opened)

    def renew(self, until: float, rail: str) -> None:
        """More time on the same key."""
        self._remember(self._ask(until, "POST", "/v1/renewals", json={"provider": rail}, repeatable=True))

    def other_rail(self, until: float, rail: str) -> None:
        """The same order, to be paid elsewhere."""
        found = self._ask(until, "POST", f"/v1/orders/{self.order}/checkouts", json={"provider": rail})
        checkout = next(item for item in found["checkouts"] if item["provider"] == rail)
        self.references[rail] = checkout["url"].rpartition("/")[2]

    def act(self, until: float, rail: str, action: str) -> None:
        """Something happens at the provider, exactly once; it tells the gateway in its own time."""
        answer = self.stage.control(f"{CONTROL[rail]}/{self.references[rail]}/{action}")
        if answer.status_code != 200:
            self.failures.append(f"{action} of {self.references[rail]}: {answer.text}")

    def look(self, until: float) -> None:
        """The order's page, which asks the provider."""
        if self.key:
            self._ask(until, "GET", f"/v1/orders/{self.order}")

    def wait_for_key(self, until: float) -> None:
        """Until the key works."""
        while self.key and self._ask(until, "GET", "/v1/whoami", refusals=(402,)).get("status") == 402:
            _pause(until)

    def rotate(self, until: float) -> None:
        """A new key for the old one. When the answer is lost, so may be the key: that is what grace and recovery are for."""
        try:
            answer = self._send("POST", "/v1/keys/rotate", until, json={"grace_seconds": 0})
            self.key = answer.json()["api_key"] if answer.status_code == 200 else self.key
        except requests.RequestException:
            self.key = None

    def _remember(self, opened: dict[str, Any]) -> None:
        self.references[opened["provider"]] = opened["checkout_url"].rpartition("/")[2]
        self.repeatable = str(uuid4())

    def _ask(
        self,
        until: float,
        method: str,
        path: str,
        *,
        repeatable: bool = False,
        refusals: tuple[int, ...] = (),
        **body: Any,
    ) -> dict[str, Any]:
        """Ask until there is an answer: a dead gateway, 5xx, 409 and 429 are reasons to come again."""
        headers = {"Idempotency-Key": self.repeatable} if repeatable else {}
        while True:
            try:
                answer = self._send(method, path, until, headers=headers, **body)
            except requests.RequestException:
                _pause(until)
                continue
            if answer.ok or answer.status_code in refusals:
                found: dict[str, Any] = answer.json()
                return found
            if answer.status_code == 500 or answer.status_code not in (409, 429, 502, 503):
                self.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")
                raise Gone
            _pause(until)

    def _send(
        self, method: str, path: str, until: float, *, headers: dict[str, str] | None = None, **body: Any
    ) -> requests.Response:
        who = {"X-Forwarded-For": f"10.{self.rng.randrange(256)}.{self.rng.randrange(256)}.7"}
        who |= {"Authorization": f"Bearer {self.key}"} if self.key else {}
        host = self.rng.choice(self.stage.hosts)
        timeout = (1, max(0.1, until - time.monotonic()))
        with requests.Session() as http:
            http.trust_env = False
            return http.request(method, host + path, headers=who | (headers or {}), timeout=timeout, **body)


def _pause(until: float) -> None:
    if time.monotonic() + PAUSE >= until:
        raise Gone
    time.sleep(PAUSE)


STEPS: dict[str, Callable[..., None]] = {
    "buy": Buyer.buy,
    "renew": Buyer.renew,
    "other_rail": Buyer.other_rail,
    "act": Buyer.act,
    "look": Buyer.look,
    "wait_for_key": Buyer.wait_for_key,
    "rotate": Buyer.rotate,
}
CARD, COIN = "stripe", "btcpay"
STORIES: dict[str, tuple[tuple[str, ...], ...]] = {
    "subscription": (("buy", "pro", CARD), ("act", CARD, "pay"), ("look",), ("act", CARD, "renew"), ("look",)),
    "overdue": (
        ("buy", "pro", CARD),
        ("act", CARD, "pay"),
        ("act", CARD, "renewal_fails"),
        ("look",),
        ("act", CARD, "renewal_recovers"),
    ),
    "cancelled": (("buy", "pro", CARD), ("act", CARD, "pay"), ("act", CARD, "cancel_at_period_end"), ("look",)),
    "once": (("buy", "once", CARD), ("act", CARD, "pay"), ("look",)),
    "refunded": (("buy", "once", CARD), ("act", CARD, "pay"), ("wait_for_key",), ("act", CARD, "refund")),
    "disputed": (("buy", "once", CARD), ("act", CARD, "pay"), ("act", CARD, "dispute"), ("act", CARD, "dispute_won")),
    "slow bank": (("buy", "once", CARD), ("act", CARD, "pay_later"), ("look",), ("act", CARD, "later_succeeds")),
    "on chain": (("buy", "pro", COIN), ("act", COIN, "pay"), ("look",), ("act", COIN, "confirm")),
    "two terms": (
        ("buy", "pro", COIN),
        ("act", COIN, "pay_lightning"),
        ("wait_for_key",),
        ("renew", COIN),
        ("act", COIN, "pay_lightning"),
    ),
    "other rail": (("buy", "pro", CARD), ("other_rail", COIN), ("act", COIN, "pay_lightning"), ("look",)),
    "rotated": (("buy", "pro", COIN), ("act", COIN, "pay_lightning"), ("wait_for_key",), ("rotate",), ("look",)),
    "part paid": (("buy", "pro", COIN), ("act", COIN, "underpay"), ("look",), ("act", COIN, "expire")),
    "never paid": (("buy", "pro", CARD), ("look",), ("act", CARD, "expire")),
}
UNSEEN_BY_SWEEP = frozenset({"refunded", "disputed"})  # only their notifications tell: not for weather that loses those
