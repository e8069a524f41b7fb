"""Between granian and the application: what becomes of an answer. The journeys play the same with the real server."""

import threading
from contextvars import ContextVar
from types import SimpleNamespace

import pytest

from app.servers import resting
from app.servers.granian_answers import wrap
from app.steps import ELSEWHERE, at_once

SCOPE = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "wsgi.url_scheme": "http"}


class Client:
    """granian's end of a request, as far as it is documented by its use."""

    def __init__(self, error=None):
        self.answered, self.said, self.error, self.thread = threading.Event(), None, error, None

    def response_bytes(self, status, headers, body):
        self.said, self.thread = (status, headers, body), threading.current_thread()
        self.answered.set()
        if self.error:
            raise self.error

    def response_iter(self, status, headers, body):
        self.said = (status, headers, list(iter(body.__next__, "the last")))
        body.close()


class Streamed:
    """A body in pieces that knows whether it was closed."""

    def __init__(self):
        self.closed, self._pieces = False, iter([b"a", b"b", "the last"])

    def __iter__(self):
        return self._pieces

    def close(self):
        self.closed = True


def answering(body, **told):
    """An application that answers so, and tells that in the environ."""

    def application(environ, start_response):
        environ.update(told)
        start_response("429 Too Many Requests", [("X-Seen", environ["PATH_INFO"])])
        return body

    return wrap(application)


def test_a_whole_body_is_given_at_once():
    client = Client()
    status = answering([b"wh", b"ole"])(client, dict(SCOPE))

    assert (status, client.said) == (429, (429, [("X-Seen", "/")], b"whole"))


def test_a_body_in_pieces_is_told_piece_by_piece_and_closed():
    client, body = Client(), Streamed()
    answering(body)(client, dict(SCOPE))

    assert (client.said, body.closed) == ((429, [("X-Seen", "/")], [b"a", b"b"]), True)


def test_a_generator_needs_no_way_to_be_closed():
    client = Client()
    answering(iter([b"a", "the last"]))(client, dict(SCOPE))

    assert client.said[2] == [b"a"]


def test_an_answer_that_may_wait_is_left_to_another_thread():
    client = Client()
    answering([b"later"], **{resting.MAY_WAIT: True})(client, dict(SCOPE))

    assert (client.answered.wait(10), client.said[2], client.thread.name) == (True, b"later", "resting")


def test_those_that_find_no_room_are_given_at_once():
    answer = answering([b""], **{resting.MAY_WAIT: True})
    clients = [Client() for _ in range(resting.MOST + 50)]
    [answer(client, dict(SCOPE)) for client in clients]

    assert threading.current_thread() in {client.thread for client in clients}


def test_one_that_cannot_be_given_does_not_hold_up_the_next():
    answer, clients = answering([b""], **{resting.MAY_WAIT: True}), [Client(OSError("gone")), Client()]
    [answer(client, dict(SCOPE)) for client in clients]

    assert clients[1].answered.wait(10)


@pytest.mark.parametrize("name", ["DATABASE_URL", "HOME", "PATH"])
def test_the_environment_of_the_process_is_not_part_of_a_request(monkeypatch, name):
    monkeypatch.setenv(name, "secret")
    seen = []
    wrap(lambda environ, _start: seen.append(name in environ) or [])(Client(), dict(SCOPE))

    assert seen == [False]


class Counts:
    """Questions whose counts are told when a test says so, in whatever thread that is. `now`: what they are for who waits."""

    def __init__(self, now="waited for"):
        self.now, self.waiting, self.is_there = now, [], True

    def question(self):
        return SimpleNamespace(ask=lambda: self.now, later=self._later)

    def _later(self, then):
        self.waiting.append(then)
        return self.is_there

    def tell(self, count):
        teller = threading.Thread(target=self.waiting.pop(0), args=(count,), name="teller")
        teller.start()
        teller.join()


SEEN = ContextVar("seen", default="nothing")


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def stepping(counts):
    """An application that answers what it was told; `more`: steps that follow."""

    def _stepping(*more, around=lambda start_response: start_response):
        def steps(environ, start_response):
            SEEN.set(environ["PATH_INFO"])
            told = yield counts.question()
            for step in more:  # noqa: UP028 (a tuple takes no count)
                yield step
            start_response("200 OK", [("X-Seen", SEEN.get())])
            return [f"{told} in {threading.current_thread().name}".encode()]

        def application(environ, start_response):
            start_response = around(start_response)
            return getattr(start_response, "run", at_once)(steps(environ, start_response))

        return wrap(application)

    return _stepping


def test_no_thread_of_granians_waits_for_a_count(stepping, counts):
    client = Client()
    stepping()(client, dict(SCOPE))
    before = client.said
    counts.tell("counted")

    assert (before, client.said) == (None, (200, [("X-Seen", "/")], b"counted in teller"))


def test_what_takes_its_time_does_not_hold_up_who_brings_the_counts(stepping, counts):
    client = Client()
    stepping(ELSEWHERE)(client, dict(SCOPE))
    counts.tell("counted")

    assert client.answered.wait(10)
    assert client.said == (200, [("X-Seen", "/")], b"counted in answering")


def test_a_second_question_is_waited_for_elsewhere(stepping, counts):
    client = Client()
    stepping(counts.question())(client, dict(SCOPE))
    counts.tell("counted")

    assert client.answered.wait(10)
    assert client.said[2] == b"counted in answering"


def test_where_nothing_was_counted_somebody_else_asks_and_waits(stepping, counts):
    client = Client()
    stepping()(client, dict(SCOPE))
    counts.tell(None)

    assert client.answered.wait(10)
    assert client.said[2] == b"waited for in answering"


def test_where_it_cannot_be_asked_so_granians_own_thread_waits(stepping, counts):
    client, counts.is_there = Client(), False
    stepping()(client, dict(SCOPE))

    assert client.said[2].startswith(b"waited for in MainThread")


def test_what_changes_answers_around_the_application_is_not_gone_past(stepping, counts):
    client = Client()

    def around(start_response):
        return lambda status, headers: start_response(status, [*headers, ("X-Around", "yes")])

    stepping(around=around)(client, dict(SCOPE))

    assert (client.said[1][-1], counts.waiting) == (("X-Around", "yes"), [])


class Closing:
    """A body of something around the application, which knows whether it was closed."""

    def __init__(self, body):
        self.body, self.closed = body, False

    def __iter__(self):
        return iter(self.body)

    def close(self):
        self.closed = True


def test_what_wraps_the_body_only_is_closed_and_answers_nothing_itself(counts):
    def steps(start_response):
        yield counts.question()
        start_response("200 OK", [])
        return [b"counted"]

    client, bodies = Client(), []
    wrap(lambda _environ, start: bodies.append(Closing(start.run(steps(start)))) or bodies[0])(client, dict(SCOPE))
    before = client.said
    counts.tell("counted")

    assert (before, bodies[0].closed, client.said) == (None, True, (200, [], b"counted"))


def failing(counts):
    yield counts.question()
    raise KeyError("secret")


def failing_elsewhere(counts):
    yield counts.question()
    yield ELSEWHERE
    raise KeyError("secret")


@pytest.mark.parametrize("steps", [failing, failing_elsewhere])
def test_what_fails_after_a_count_is_answered_500_and_logged(counts, caplog, steps):
    caplog.set_level("ERROR", logger="app.servers.granian_answers")
    client = Client()
    wrap(lambda _environ, start: start.run(steps(counts)))(client, dict(SCOPE))
    counts.tell("counted")

    assert client.answered.wait(10)
    assert (client.said, "failed after it was counted" in caplog.text) == ((500, [], b""), True)


def test_one_requests_context_is_no_others(stepping, counts):
    clients = {path: Client() for path in ("/a", "/b", "/c")}
    answer = stepping()
    [answer(client, SCOPE | {"PATH_INFO": path}) for path, client in clients.items()]
    [counts.tell("counted") for _ in clients]

    assert [client.said[1] for client in clients.values()] == [[("X-Seen", path)] for path in clients]
    assert SEEN.get() not in clients


def test_an_answer_that_may_wait_does_so_after_a_count_too(counts):
    def steps(environ, start_response):
        yield counts.question()
        environ[resting.MAY_WAIT] = True
        start_response("429 Too Many Requests", [])
        return [b"later"]

    client = Client()
    wrap(lambda environ, start: start.run(steps(environ, start)))(client, dict(SCOPE))
    counts.tell("counted")

    assert (client.answered.wait(10), client.thread.name) == (True, "resting")


def test_an_answer_that_nobody_takes_any_more_is_logged_and_holds_up_nobody(stepping, counts, caplog, eventually):
    caplog.set_level("ERROR", logger="app.servers.granian_answers")
    answer, clients = stepping(ELSEWHERE), [Client(OSError("gone")), Client()]
    [answer(client, dict(SCOPE)) for client in clients]
    [counts.tell("counted") for _ in clients]

    assert all(client.answered.wait(10) for client in clients)
    assert eventually(lambda: "an answer was not given" in caplog.text)
