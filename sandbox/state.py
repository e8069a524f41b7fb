"""All that the sandbox remembers: in memory, behind one lock."""

import random
import string
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from flask import Blueprint, current_app, g, request

from sandbox.config import Config

if TYPE_CHECKING:
    from sandbox.btcpay_life import Invoice
    from sandbox.delivery import Postman
    from sandbox.inbox import Message
    from sandbox.post_office import Letter

Json: TypeAlias = dict[str, Any]  # a JSON object, shaped as the imitated API shapes it


class NotNow(Exception):
    """The buyer or the operator cannot do that in the state things are in."""


@dataclass
class World:
    """The state of both imitated services. Hold `lock` while reading or changing it."""

    config: Config
    postman: "Postman"
    clock: Callable[[], float] = time.time
    rng: random.Random = field(default_factory=random.SystemRandom)
    lock: threading.RLock = field(default_factory=threading.RLock)
    ahead: int = 0  # seconds that our clock was pushed forward
    objects: dict[str, Json] = field(default_factory=dict)  # Stripe's, by id, oldest first
    lines: dict[str, list[Json]] = field(default_factory=dict)  # session id -> line items, which a session hides
    told: dict[str, Json] = field(
        default_factory=dict
    )  # session id -> create parameters that the session does not show
    replays: dict[str, tuple[Any, int, str]] = field(default_factory=dict)  # idempotency key -> request, status, answer
    invoices: dict[str, "Invoice"] = field(default_factory=dict)  # BTCPay's, by id, oldest first
    pull_payments: dict[str, Json] = field(default_factory=dict)
    letters: list["Letter"] = field(default_factory=list)  # that the gateway handed to our mail server, oldest first
    messages: list["Message"] = field(default_factory=list)  # that it posted to our receiver
    api_faults: dict[str, str] = field(default_factory=dict)  # rail -> what is wrong with its API

    def now(self) -> int:
        """Unix seconds on the sandbox's clock."""
        return int(self.clock()) + self.ahead

    def new_id(self, prefix: str, length: int = 24) -> str:
        """A random id such as `cs_test_4fJ…`."""
        return prefix + "".join(self.rng.choices(string.ascii_letters + string.digits, k=length))

    def put(self, thing: Json) -> Json:
        """Store a Stripe object under its id and return it."""
        self.objects[thing["id"]] = thing
        return thing

    def of(self, kind: str, **equal: Any) -> list[Json]:
        """Stripe objects of a kind whose fields equal these, newest first."""
        matching = [
            thing
            for thing in self.objects.values()
            if thing["object"] == kind and all(thing.get(name) == value for name, value in equal.items())
        ]
        return matching[::-1]


def world() -> World:
    """The world of the running sandbox."""
    found: World = current_app.extensions["sandbox"]
    return found


def base_url() -> str:
    """Where a browser reaches this sandbox."""
    return (world().config.public_url or request.host_url).rstrip("/")


def hold_lock(blueprint: Blueprint) -> None:
    """Let each request of a blueprint see and change the world alone."""

    @blueprint.before_request
    def acquire() -> None:
        world().lock.acquire()
        g.holds_lock = True

    @blueprint.teardown_request
    def release(_: BaseException | None) -> None:
        if g.pop("holds_lock", None):
            world().lock.release()
