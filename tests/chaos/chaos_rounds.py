"""One round: buyers at work, a process dies, it comes back, everything settles, the books are compared with the providers'."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chaos_buyers import STORIES, UNSEEN_BY_SWEEP, Buyer
from chaos_stage import WORKER, Stage
from chaos_truth import Wrong, compare, unapplied

from app.config import Settings
from app.failpoints import POINTS

RANDOM = "random moment"
TRAFFIC_SECONDS = 1.5  # buyers who meet only closed doors that long come back after the restart
DRAIN_SECONDS = 40.0
SLOW_SECONDS = 0.3
BUYERS = 4
WEATHERS = ("normal", "twice", "out_of_order", "late", "lost", "bad_signature")
LOSES = ("lost", "bad_signature")
CLEAR = tuple(weather for weather in WEATHERS if weather not in LOSES)
OF_WEBHOOKS = ("after_mac", "after_receipt", "before_reply")  # places that only a notification comes past
LATER = {"parcel_after_send": 3.0}  # seconds that a place may be reached after the last buyer has left
API_TROUBLE = ("normal", "normal", "normal", "down", "slow", "garbage", "lost_answer")
ONLY_IN: dict[str, str] = {
    "parcel_after_send": "other rail",
    "rotate_mid": "rotated",
}  # stories that lead past a rarely visited place


@dataclass
class Round:
    """What was done and how it went."""

    number: int
    killed_at: str
    weather: str = "normal"
    orders: int = 0
    trouble: str = "normal"  # of one provider's API
    wrong: list[Wrong] = field(default_factory=list)
    seconds: float = 0.0


def plan(count: int, *, first: int = 0, only: str | None = None) -> Iterator[tuple[int, str]]:
    """Every failpoint in turn from the `first` on, and as many random moments as there would be rounds of three failpoints."""
    places = [only] if only else [*POINTS, RANDOM, RANDOM, RANDOM]
    return ((number, places[number % len(places)]) for number in range(first, first + count))


def play(stage: Stage, number: int, place: str, rng: random.Random) -> Round:
    """One round. Raises TimeoutError when something killed does not come back."""
    begun, since = time.monotonic(), datetime.now(UTC)
    clear = place in OF_WEBHOOKS or place in ONLY_IN
    this = Round(number, place, weather=rng.choice(CLEAR if clear else WEATHERS))
    this.trouble = "normal" if clear else rng.choice(API_TROUBLE)
    buyers = [Buyer(stage, STORIES[name], random.Random(rng.random())) for name in _cast(this, rng)]
    first = len(stage.sandbox.world.postman.deliveries)
    _change_weather(stage, this, rng)
    with ThreadPoolExecutor(BUYERS) as pool:
        out = [pool.submit(buyer.go_on, until=time.monotonic() + TRAFFIC_SECONDS) for buyer in buyers]
        if place == RANDOM or not _kill_at(stage, place, rng, out):
            this.killed_at = RANDOM
            stage.armed.unlink(missing_ok=True)
            _kill_at_random(stage, rng)
    stage.control("faults", fault="normal", api="normal")
    this.wrong = _settle(stage, buyers, this, since=since, first=first)
    this.wrong += [Wrong("stuck", line) for buyer in buyers for line in buyer.failures]
    this.orders = sum(bool(buyer.order) for buyer in buyers)
    this.seconds = time.monotonic() - begun
    return this


def _cast(this: Round, rng: random.Random) -> list[str]:
    names = [name for name in STORIES if this.weather not in LOSES or name not in UNSEEN_BY_SWEEP]
    chosen = rng.sample(names, BUYERS)
    must = ONLY_IN.get(this.killed_at)
    return [must, *chosen[1:]] if must and must not in chosen else chosen


def _change_weather(stage: Stage, this: Round, rng: random.Random) -> None:
    stage.sandbox.world.postman.webhooks = f"{rng.choice(stage.hosts)}/v1/webhooks"
    stage.control("faults", fault=this.weather, delay=SLOW_SECONDS, api="normal")
    stage.control("faults", rail=rng.choice(("stripe", "btcpay")), api=this.trouble)


def _kill_at(stage: Stage, place: str, rng: random.Random, out: list[Future[bool]]) -> bool:
    """Arm the place, and bring back who died of it. False when nobody came past."""
    stage.forget_victims()
    often = 1 if place in ONLY_IN or place.startswith("order_") else 3
    stage.armed.with_suffix(".new").write_text(f"{place}:{rng.randint(1, often)}")
    stage.armed.with_suffix(".new").rename(stage.armed)
    give_up = time.monotonic() + TRAFFIC_SECONDS + LATER.get(place, 0)
    while stage.armed.exists():
        if time.monotonic() > give_up:
            return False
        if all(future.done() for future in out):
            give_up = min(give_up, time.monotonic() + LATER.get(place, 0.3))
        time.sleep(0.005)
    died, victim = time.monotonic(), stage.find_victim(place)
    if victim == WORKER:
        stage.kill(WORKER)
        stage.start(WORKER)
    else:
        stage.wait_until_ready(victim, since=died, what="gunicorn's worker")  # gunicorn starts another by itself
    return True


def _kill_at_random(stage: Stage, rng: random.Random) -> None:
    """One machine, the worker, or all of them."""
    time.sleep(rng.uniform(0.05, 0.9))
    victims = rng.choice([[rng.choice(stage.hosts)], [rng.choice(stage.hosts)], [WORKER], [*stage.hosts, WORKER]])
    for victim in victims:
        stage.kill(victim)
    died = time.monotonic()
    for victim in victims:
        stage.start(victim)
    for host in (victim for victim in victims if victim != WORKER):
        stage.wait_until_ready(host, since=died, what="whole server")


def _settle(stage: Stage, buyers: list[Buyer], this: Round, *, since: datetime, first: int) -> list[Wrong]:
    """Time passes, buyers come back, providers send again what got no answer. What is still wrong at the end."""
    time.sleep(SLOW_SECONDS if this.trouble == "slow" else 0)  # what was asked slowly must not meet the moved clock
    give_up = time.monotonic() + DRAIN_SECONDS
    wrong = [Wrong("stuck", "never looked")]
    while wrong and time.monotonic() < give_up:
        stage.pass_time(hours=13)
        with ThreadPoolExecutor(BUYERS) as pool:
            finished = all(pool.map(lambda buyer: buyer.go_on(until=time.monotonic() + 5), buyers))
        stage.control("drain?seconds=10")
        _send_again(stage, first)
        wrong = _look(stage, this, since=since, first=first)
        wrong += [] if finished else [Wrong("stuck", f"{[buyer.story[buyer.done :][:1] for buyer in buyers]}")]
    return wrong


def _send_again(stage: Stage, first: int) -> None:
    """Both providers would go on for an hour or for days; whatever was lost or forged stays so."""
    for delivery in stage.sandbox.world.postman.deliveries[first:]:
        if delivery.state == "failed" and not delivery.forged:
            delivery.state = "sent again"
            stage.control(f"deliveries/{delivery.id}/redeliver")
    stage.control("drain?seconds=10")


def _look(stage: Stage, this: Round, *, since: datetime, first: int, patience: float = 1.5) -> list[Wrong]:
    """The worker may take a moment."""
    settings = Settings(_env_file=None, **{name.lower(): value for name, value in stage.environ.items()})
    until = time.monotonic() + patience
    while True:
        with stage.db.read() as session:
            wrong = compare(session, stage.sandbox.world, since=since, answers_lost=this.trouble == "lost_answer")
            wrong += unapplied(session, stage.sandbox.world.postman.deliveries[first:], settings)
        if not wrong or time.monotonic() > until:
            return wrong
        time.sleep(0.05)
