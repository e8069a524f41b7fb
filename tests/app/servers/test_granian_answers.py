"""Between granian and the application: what becomes of an answer. The journeys play the same with the real server."""

import threading

import pytest

from app.servers import resting
from app.servers.granian_answers import wrap

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
    status = answering([b"wh", b"ole"])(client, SCOPE)

    assert (status, client.said) == (429, (429, [("X-Seen", "/")], b"whole"))


def test_a_body_in_pieces_is_told_piece_by_piece_and_closed():
    client, body = Client(), Streamed()
    answering(body)(client, SCOPE)

    assert (client.said, body.closed) == ((429, [("X-Seen", "/")], [b"a", b"b"]), True)


def test_a_generator_needs_no_way_to_be_closed():
    client = Client()
    answering(iter([b"a", "the last"]))(client, SCOPE)

    assert client.said[2] == [b"a"]


def test_an_answer_that_may_wait_is_left_to_another_thread():
    client = Client()
    answering([b"later"], **{resting.MAY_WAIT: True})(client, SCOPE)

    assert (client.answered.wait(10), client.said[2], client.thread.name) == (True, b"later", "resting")


def test_those_that_find_no_room_are_given_at_once():
    answer = answering([b""], **{resting.MAY_WAIT: True})
    clients = [Client() for _ in range(resting.MOST + 50)]
    [answer(client, SCOPE) for client in clients]

    assert threading.current_thread() in {client.thread for client in clients}


def test_one_that_cannot_be_given_does_not_hold_up_the_next():
    answer, clients = answering([b""], **{resting.MAY_WAIT: True}), [Client(OSError("gone")), Client()]
    [answer(client, SCOPE) for client in clients]

    assert clients[1].answered.wait(10)


@pytest.mark.parametrize("name", ["DATABASE_URL", "HOME", "PATH"])
def test_the_environment_of_the_process_is_not_part_of_a_request(monkeypatch, name):
    monkeypatch.setenv(name, "secret")
    seen = []
    wrap(lambda environ, _start: seen.append(name in environ) or [])(Client(), SCOPE)

    assert seen == [False]
