"""How an answer leaves gunicorn's worker. The journeys play the same with the real server."""

from types import SimpleNamespace

import pytest

from app.servers.gunicorn_worker import OnePacket, is_one_piece


class Socket:
    """What was sent, packet by packet."""

    def __init__(self):
        self.sent = []

    def sendall(self, data):
        self.sent.append(data)


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        ([b"head", b"body"], [b"headbody"]),
        ([b"head", b"body", b"more"], [b"headbody", b"more"]),
    ],
)
def test_head_and_body_leave_together(pieces, sent):
    sock = Socket()
    packet = OnePacket(sock)
    [packet.sendall(piece) for piece in pieces]

    assert sock.sent == sent


def answer(status=200, length=4, begun=False):
    return SimpleNamespace(status_code=status, response_length=length, headers_sent=begun)


def test_a_body_of_the_length_that_was_told_follows_the_head():
    assert is_one_piece("GET", answer(), [b"body"])


@pytest.mark.parametrize(
    ("method", "told", "body"),
    [
        ("HEAD", answer(), [b"body"]),
        ("GET", answer(status=204), [b"body"]),
        ("GET", answer(status=304), [b"body"]),
        ("GET", answer(status=103), [b"body"]),
        ("GET", answer(length=0), [b""]),
        ("GET", answer(length=None), [b"body"]),
        ("GET", answer(length=3), [b"body"]),
        ("GET", answer(length=8), [b"body", b"more"]),
        ("GET", answer(), []),
        ("GET", answer(begun=True), [b"body"]),
    ],
    ids=["HEAD", "204", "304", "103", "empty", "chunked", "too long", "two pieces", "none", "begun already"],
)
def test_no_head_waits_for_a_body_that_gunicorn_might_not_send(method, told, body):
    assert not is_one_piece(method, told, body)
