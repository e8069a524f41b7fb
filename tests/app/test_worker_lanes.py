"""The worker's lanes: who hangs holds up nobody else, who is away is left alone, and what is in hand at the end is given back."""

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from post_office import receiver
from sqlalchemy import update

from app import outbox, receipts
from app.carriers import CARRIERS
from app.lanes import Lanes
from app.mail import letters
from app.models import Customer, Order, Parcel, Receipt
from app.outbox import Away, NotNow
from app.outgoing import endpoints, history
from app.worker import Worker
from providers.base import Unavailable
from providers.events import Hint


class HungServer:
    """Accepts, and never says a word."""

    def __init__(self, listening):
        self.reached, self.port = threading.Event(), listening.getsockname()[1]
        self._listening, self._callers = listening, []

    def run(self):
        with suppress(OSError):
            while True:
                self._callers.append(self._listening.accept()[0])
                self.reached.set()

    def hang_up(self):
        for caller in self._callers:
            caller.close()


@pytest.fixture
def hung():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = HungServer(listening)
        threading.Thread(target=server.run, daemon=True).start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
        server.hang_up()


def lanes_at_work():
    return [thread for thread in threading.enumerate() if thread.name.startswith(("lane ", "worker"))]


@pytest.fixture(autouse=True)
def lanes_end(tollgate, eventually):
    """What was given up ends before its database does."""
    yield
    assert eventually(lambda: not lanes_at_work())


@pytest.fixture
def clock(clock):
    """At the real time: receivers refuse signatures that are older than five minutes."""
    clock.now = datetime.now(UTC)
    return clock


def with_settings(tollgate, **changes):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    return replace(tollgate, settings=type(tollgate.settings)(_env_file=None, **fields, **changes))


def mailing(tollgate, port):
    return with_settings(tollgate, smtp_url=f"smtp://127.0.0.1:{port}", mail_from="shop@example.com")


@contextmanager
def working(tollgate, carriers=CARRIERS):
    """A worker, and whatever hangs is let go of before it is stopped."""
    worker = Worker(tollgate, carriers)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(seconds=0)


def tell(tollgate, hook):
    view, _ = endpoints.create(tollgate, hook.url, actor="test")
    history.test(tollgate, view.id, actor="test")


def write_letters(tollgate, count=1):
    facts = {"endpoint": "whe_1", "url": "https://example.com", "why": "it was gone"}
    with tollgate.db.write() as session:
        for number in range(count):
            letters.write(
                session, tollgate, "endpoint", str(number), facts, to="a@example.com", now=tollgate.clock()
            )  # fmt: skip


@pytest.fixture
def comes_due(tollgate, stripe, btcpay, clock, buy, notify):
    """A purchase whose notification is stored and not worked on."""

    def _comes_due(rail):
        buy(rail.name)
        reference = rail.pay(at=clock.now)
        receipts.store(tollgate, rail.name, Hint(f"evt_{rail.name}", "paid", reference), notify(reference))

    return _comes_due


@pytest.fixture
def applied(rows):
    return lambda: [row.provider for row in rows(Receipt) if row.state == "applied"]


def test_a_mail_server_that_hangs_does_not_hold_up_a_receipt(tollgate, hung, stripe, comes_due, applied, eventually):
    slow = mailing(tollgate, hung.port)
    write_letters(slow)
    with working(slow):
        assert hung.reached.wait(10)
        comes_due(stripe)
        assert eventually(lambda: applied() == ["stripe"], seconds=10)


def test_a_rail_that_hangs_does_not_hold_up_the_other(tollgate, stripe, btcpay, comes_due, applied, eventually):
    asked, go_on = threading.Event(), threading.Event()
    stripe.on_snapshot = lambda: (asked.set(), go_on.wait(10))
    comes_due(stripe)
    with working(tollgate):
        asked.wait(10)
        comes_due(btcpay)
        first = eventually(lambda: applied() == ["btcpay"], seconds=5)
        go_on.set()
        assert (first, eventually(lambda: len(applied()) == 2)) == (True, True)


def test_a_rail_that_hangs_does_not_hold_up_the_sweep_of_the_other(
    tollgate, stripe, btcpay, buy, clock, rows, eventually
):
    asked, go_on = threading.Event(), threading.Event()
    stripe.on_snapshot = lambda: (asked.set(), go_on.wait(10))
    [buy(rail) for rail in ("stripe", "btcpay")]
    btcpay.pay(at=clock.now)
    with working(with_settings(tollgate, sweep_seconds=1)):
        assert asked.wait(10)
        found = eventually(lambda: "paid" in [row.status for row in rows(Order)], seconds=5)
        go_on.set()
    assert found


def test_a_receiver_that_hangs_does_not_hold_up_the_others(tollgate, eventually):
    trials = with_settings(tollgate, allow_private_webhooks=True)
    with receiver() as slow, receiver() as quick, working(trials):
        slow.hold.clear()
        [tell(trials, hook) for hook in (slow, quick)]
        heard = eventually(lambda: len(quick.heard) == 1, seconds=5)
        still_waiting = not slow.heard
        slow.hold.set()
        assert (heard, still_waiting, eventually(lambda: len(slow.heard) == 1)) == (True, True, True)


def test_what_is_still_in_hand_at_the_end_is_given_back(tollgate, hung, rows):
    slow = mailing(tollgate, hung.port)
    write_letters(slow)
    with working(slow):
        assert hung.reached.wait(10)
    assert [(row.state, row.lease, row.lease_until) for row in rows(Parcel)] == [("due", None, None)]


def test_a_receipt_still_in_hand_at_the_end_is_given_back(tollgate, stripe, comes_due, rows):
    asked, go_on = threading.Event(), threading.Event()
    stripe.on_snapshot = lambda: (asked.set(), go_on.wait(10))
    comes_due(stripe)
    with working(tollgate):
        asked.wait(10)
    (row,) = rows(Receipt)
    go_on.set()
    assert (row.state, row.lease) == ("due", None)


def test_a_receipt_given_back_is_not_taken_again_by_whoever_is_about_to_end(
    tollgate, stripe, comes_due, rows, eventually
):
    asked, go_on = threading.Event(), threading.Event()
    stripe.on_snapshot = lambda: (asked.set(), go_on.wait(10))
    comes_due(stripe)
    with working(tollgate):
        asked.wait(10)
    go_on.set()
    assert eventually(lambda: not lanes_at_work())
    assert [(row.state, row.attempts) for row in rows(Receipt)] == [("due", 1)]


def test_a_receipt_that_somebody_else_has_is_not_given_back(tollgate, stripe, comes_due, rows):
    comes_due(stripe)
    theirs = receipts.lease(tollgate, rows(Receipt)[0].id)
    receipts.give_back(tollgate, theirs.id, "lea_ours")
    assert rows(Receipt)[0].lease == theirs.token


def test_a_parcel_that_somebody_else_has_is_not_given_back(tollgate, rows):
    with tollgate.db.write() as session:
        outbox.add(session, "trial", "trial:1", {}, now=tollgate.clock())
    parcel = rows(Parcel)[0].id
    carried = []

    def give_back(*_):
        outbox.give_back(tollgate, parcel, "lea_ours")
        carried.extend(rows(Parcel))

    outbox.send(tollgate, {"trial": give_back}, parcel, token="lea_theirs")
    assert carried[0].lease == "lea_theirs"


def test_what_waits_for_a_receiver_that_rests_is_put_off_and_what_waits_for_others_is_not(tollgate, rows, clock):
    with tollgate.db.write() as session:
        names = ("whe_1:a", "whe_1:b", "whe_2:a")
        [outbox.add(session, "webhook", f"webhook:{name}", {}, now=clock.now) for name in names]
    later = clock.now + timedelta(minutes=5)

    def rests(*_):
        raise NotNow(later)

    first = next(row.id for row in rows(Parcel) if row.dedupe == "webhook:whe_1:a")
    outbox.send(tollgate, {"webhook": rests}, first)
    assert {row.dedupe: (row.due_at, row.attempts) for row in rows(Parcel)} == {
        "webhook:whe_1:a": (later, 0),
        "webhook:whe_1:b": (later, 0),
        "webhook:whe_2:a": (clock.now, 0),
    }


@pytest.mark.parametrize("went_well", [True, False])
def test_only_a_batch_of_which_something_went_well_has_the_next_one_at_once(eventually, went_well):
    lanes = Lanes()
    lanes.begin("trial", ["par_1"], lambda *_: went_well)
    assert eventually(lambda: not lanes_at_work())
    assert lanes.news.is_set() is went_well


@pytest.fixture
def one_thread_short(monkeypatch):
    """The first thread that should forget is not to be had."""
    start, refused = threading.Thread.start, []

    def start_unless_refused(thread):
        if thread.name == "lane forget" and not refused:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_unless_refused)
    return refused


def test_what_no_thread_was_to_be_had_for_is_begun_by_the_next_round(
    tollgate, stripe, comes_due, clock, rows, eventually, one_thread_short
):
    comes_due(stripe)
    with tollgate.db.write() as session:
        session.execute(update(Receipt).values(state="applied", due_at=clock.now - timedelta(days=91)))
    with working(with_settings(tollgate, sweep_seconds=1)):
        assert eventually(lambda: rows(Receipt) == [], seconds=10)
    assert one_thread_short == ["lane forget"]


def test_whoever_was_given_up_writes_nothing_down_any_more(tollgate, hung, rows, eventually):
    slow = mailing(tollgate, hung.port)
    write_letters(slow)
    with working(slow):
        assert hung.reached.wait(10)
    hung.hang_up()
    assert eventually(lambda: not lanes_at_work())
    assert [(row.state, row.error) for row in rows(Parcel)] == [("due", None)]


def test_while_the_mail_server_is_away_one_letter_is_tried_for_all(tollgate, free_port, rows, eventually):
    away = mailing(tollgate, free_port)
    write_letters(away, 3)
    with working(away):
        assert eventually(lambda: any(row.error for row in rows(Parcel)))
    assert sorted("the mail server" in (row.error or "") for row in rows(Parcel)) == [False, False, True]


def test_a_single_letter_is_tried_twice_a_minute_however_long_the_mail_server_is_away(tollgate, free_port, rows, clock):
    away = mailing(tollgate, free_port)
    write_letters(away)
    [(outbox.run_due(away, CARRIERS), clock.forward(seconds=37)) for _ in range(12)]
    assert [(row.state, row.attempts, row.due_at <= clock.now) for row in rows(Parcel)] == [("due", 0, True)]


def test_a_letter_that_waits_for_days_is_given_up_like_any_other(tollgate, free_port, rows, clock):
    away = mailing(tollgate, free_port)
    write_letters(away)
    clock.forward(days=3)
    [(outbox.run_due(away, CARRIERS), clock.forward(hours=3)) for _ in range(10)]
    assert [row.state for row in rows(Parcel)] == ["parked"]


def test_letters_that_are_put_off_are_not_late(tollgate, free_port, rows, clock):
    away = mailing(tollgate, free_port)
    write_letters(away, 3)
    clock.forward(hours=1)
    outbox.run_due(away, CARRIERS)
    assert min(row.due_at for row in rows(Parcel)) >= clock.now + outbox.REST


def test_other_kinds_are_not_put_off(tollgate, free_port, rows, clock):
    away = mailing(tollgate, free_port)
    with away.db.write() as session:
        outbox.add(session, "trial", "trial:1", {}, now=clock.now - timedelta(days=1))
    write_letters(away)
    letter = next(row.id for row in rows(Parcel) if row.kind == "mail")
    with pytest.raises(Away):
        outbox.send(away, CARRIERS, letter)
    assert outbox.find_due(away, limit=9)[0][0] == "trial"


@pytest.fixture
def free_port():
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_a_lane_whose_host_is_away_rests_and_comes_back(clock, eventually):
    ticks = [0.0]
    lanes = Lanes(clock=lambda: ticks[0])

    def nobody_there(*_):
        raise Away("nobody there")

    lanes.begin("mail", ["par_1", "par_2"], nobody_there)
    assert eventually(lambda: not lanes_at_work())
    resting = lanes.busy()
    ticks[0] = outbox.REST.total_seconds()
    assert (resting, lanes.busy()) == (("mail",), ())


def test_a_rail_that_does_not_answer_leaves_its_checkout_to_be_closed_later(
    tollgate, btcpay, buy, clock, rows, checkout_rows
):
    buy("btcpay")
    btcpay.close = lambda _: (_ for _ in ()).throw(Unavailable("down"))
    with tollgate.db.write() as session:
        outbox.add_closing(session, checkout_rows()[0], now=clock())
    with pytest.raises(Away):
        outbox.send(tollgate, CARRIERS, rows(Parcel)[0].id)
    assert (rows(Parcel)[0].state, rows(Parcel)[0].error) == ("due", "btcpay: down")


def test_a_rail_that_is_away_does_not_put_off_what_the_other_has_to_close(
    tollgate, stripe, btcpay, buy, clock, checkout_rows
):
    [buy(rail) for rail in ("stripe", "btcpay")]
    stripe.close = lambda _: (_ for _ in ()).throw(Unavailable("down"))
    with tollgate.db.write() as session:
        [outbox.add_closing(session, row, now=clock()) for row in checkout_rows()]
    (card,) = [one for lane, one in outbox.find_due(tollgate, limit=9) if lane == "close_checkout:stripe"]
    with pytest.raises(Away):
        outbox.send(tollgate, CARRIERS, card)
    assert [lane for lane, _ in outbox.find_due(tollgate, limit=9)] == ["close_checkout:btcpay"]


def test_what_the_other_rail_has_to_close_is_found_while_one_is_busy(tollgate, buy, clock, checkout_rows):
    [buy(rail) for rail in ("stripe", "btcpay")]
    with tollgate.db.write() as session:
        [outbox.add_closing(session, row, now=clock()) for row in checkout_rows()]
    found = outbox.find_due(tollgate, limit=9, without=("close_checkout:stripe",))
    assert [lane for lane, _ in found] == ["close_checkout:btcpay"]


def test_two_workers_send_each_parcel_once(tollgate, rows, eventually):
    carried = []
    with tollgate.db.write() as session:
        [outbox.add(session, "trial", f"trial:{n}", {"number": n}, now=tollgate.clock()) for n in range(30)]
    carriers = {"trial": lambda _, payload: carried.append(payload["number"])}
    with working(tollgate, carriers), working(tollgate, carriers):
        assert eventually(lambda: {row.state for row in rows(Parcel)} == {"sent"}, seconds=15)
    assert sorted(carried) == list(range(30))


def test_the_worker_forgets_what_is_old(tollgate, stripe, comes_due, clock, rows, eventually):
    comes_due(stripe)
    with tollgate.db.write() as session:
        session.execute(update(Receipt).values(state="applied", due_at=clock.now - timedelta(days=91)))
    with working(with_settings(tollgate, sweep_seconds=1)):
        assert eventually(lambda: rows(Receipt) == [], seconds=10)


def test_the_worker_makes_addresses_findable_that_an_older_process_wrote(tollgate, rows, clock, eventually):
    with tollgate.db.write() as session:
        session.add(Customer(id="cus_1", email="Ada@x.org", created_at=clock.now))
        session.flush()
        session.execute(update(Customer).values(email_folded=None))
    with working(with_settings(tollgate, sweep_seconds=1)):
        assert eventually(lambda: rows(Customer)[0].email_folded == "ada@x.org", seconds=10)
