"""Posts webhooks from threads of its own: retries, and the faults a real network and a real sender show."""

import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import requests

TIMEOUT = 15.0
STRIPE, BTCPAY = "stripe", "btcpay"


class Fault(StrEnum):
    """What goes wrong with the webhooks of a rail."""

    NORMAL = "normal"
    TWICE = "twice"  # every event is delivered again
    OUT_OF_ORDER = "out_of_order"  # the events of one occurrence arrive in reverse
    LATE = "late"  # after `delay` seconds
    LOST = "lost"  # never, unless redelivered by hand
    BAD_SIGNATURE = "bad_signature"  # signed with another secret


@dataclass(frozen=True, slots=True)
class Weather:
    """The fault in force on a rail; `delay` in seconds, for LATE."""

    fault: Fault = Fault.NORMAL
    delay: float = 2.0


class Render(Protocol):
    """Writes and signs an event for one attempt; gives body and headers. `forged`: sign with a wrong secret."""

    def __call__(self, *, first: bool, forged: bool) -> tuple[bytes, dict[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """One event, to be rendered anew for each attempt."""

    rail: str
    event: str
    about: str  # the object it speaks of
    render: Render


@dataclass
class Delivery:
    """A letter on its way. `state` is queued | sending | delivered | failed | lost."""

    id: int
    letter: Letter
    url: str
    due: float  # monotonic seconds
    forged: bool = False
    repeats: bool = False  # an earlier delivery carried the same event
    state: str = "queued"
    attempts: list[str] = field(default_factory=list)  # an HTTP status each, or the name of the error
    body: str = ""  # as last sent

    def as_json(self) -> dict[str, object]:
        """For pages and tests."""
        return {
            "id": self.id,
            "rail": self.letter.rail,
            "event": self.letter.event,
            "about": self.letter.about,
            "state": self.state,
            "attempts": self.attempts,
            "url": self.url,
            "body": self.body,
        }


def worth_retrying(rail: str, status: int | None) -> bool:
    """Stripe tries again after anything but 2xx; BTCPay only after 5xx, 408, 429 or no answer."""
    if status is None:
        return True
    if rail == BTCPAY:
        return status >= 500 or status in (408, 429)
    return not 200 <= status < 300


class Postman:
    """Queues letters and delivers them, one thread a rail.

    BTCPay's queue is strict: a delivery that is being retried holds back all later ones. Stripe's are independent.
    """

    def __init__(self, webhooks: str | None, retries: tuple[float, ...]) -> None:
        self.webhooks = webhooks
        self.retries = retries
        self.weather: dict[str, Weather] = {STRIPE: Weather(), BTCPAY: Weather()}
        self.deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, args=(rail,), daemon=True) for rail in (STRIPE, BTCPAY)]

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the delivery in hand and end. What is still queued stays undelivered."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(TIMEOUT)

    def post(self, letters: list[Letter]) -> None:
        """Queue the events of one occurrence, in the order in which the rail would send them."""
        with self._changed:
            fault = self.weather[letters[0].rail].fault if letters else Fault.NORMAL
            ordered = letters[::-1] if fault is Fault.OUT_OF_ORDER else letters
            for letter in ordered * (2 if fault is Fault.TWICE else 1):
                self._queue(letter)

    def redeliver(self, number: int) -> Delivery:
        """Send an earlier letter once more, without any fault. Raises IndexError."""
        with self._changed:
            return self._queue(self.deliveries[number].letter, weather=Weather())

    def drain(self, seconds: float) -> bool:
        """Wait until nothing is queued or under way; False when `seconds` were not enough."""
        with self._changed:
            return self._changed.wait_for(self._idle, timeout=seconds)

    def _idle(self) -> bool:
        return not any(delivery.state in ("queued", "sending") for delivery in self.deliveries)

    def _queue(self, letter: Letter, *, weather: Weather | None = None) -> Delivery:
        weather = weather or self.weather[letter.rail]
        delivery = Delivery(
            id=len(self.deliveries),
            letter=letter,
            url=f"{self.webhooks}/{letter.rail}" if self.webhooks else "",
            due=time.monotonic() + (weather.delay if weather.fault is Fault.LATE else 0),
            forged=weather.fault is Fault.BAD_SIGNATURE,
            repeats=any(old.letter is letter for old in self.deliveries),
        )
        if weather.fault is Fault.LOST or not self.webhooks:
            delivery.state = "lost"
        self.deliveries.append(delivery)
        self._changed.notify_all()
        return delivery

    def _work(self, rail: str) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while (delivery := self._take(rail)) is not None:
                status = self._send(http, delivery)
                with self._changed:
                    self._settle(delivery, status)
                    self._changed.notify_all()

    def _take(self, rail: str) -> Delivery | None:
        """Wait for the next due delivery of the rail; None when stopping."""
        with self._changed:
            while not self._stopping:
                queued = [d for d in self.deliveries if d.state == "queued" and d.letter.rail == rail]
                head = min(queued, key=lambda d: (0.0 if rail == BTCPAY else d.due, d.id), default=None)
                wait = head.due - time.monotonic() if head else None
                if head and wait is not None and wait <= 0:
                    head.state = "sending"
                    return head
                self._changed.wait(wait)
        return None

    def _send(self, http: requests.Session, delivery: Delivery) -> int | None:
        first = not delivery.attempts and not delivery.repeats
        body, headers = delivery.letter.render(first=first, forged=delivery.forged)
        delivery.body = body.decode()
        try:
            answer = http.post(delivery.url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            delivery.attempts.append(type(error).__name__)
            return None
        delivery.attempts.append(str(answer.status_code))
        return answer.status_code

    def _settle(self, delivery: Delivery, status: int | None) -> None:
        tries = len(delivery.attempts)
        if status is not None and 200 <= status < 300:
            delivery.state = "delivered"
        elif worth_retrying(delivery.letter.rail, status) and tries <= len(self.retries):
            delivery.state = "queued"
            delivery.due = time.monotonic() + self.retries[tries - 1]
        else:
            delivery.state = "failed"
