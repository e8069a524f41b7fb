"""Requests over one bare connection. It imports next to nothing: a process of its own runs it."""

import socket
from contextlib import suppress
from itertools import cycle
from threading import Event, Thread
from typing import Any

Requests = list[bytes]


def ask_for_ever(port: int, requests: Requests, connections: int, asked: Any) -> None:
    """On so many connections, until somebody ends this process. `asked` is a number in memory that both processes see."""
    for number in range(connections):
        start = number * len(requests) // connections
        mine = requests[start:] + requests[:start]
        Thread(target=_ask_on_one, args=(port, mine, asked), daemon=True).start()
    Event().wait()


def _ask_on_one(port: int, requests: Requests, asked: Any) -> None:
    waiting = cycle(requests)
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
            for request in waiting:
                head = ask(connection, request)
                with asked.get_lock():
                    asked.value += 1
                if b"\r\nconnection: close" in head.lower():
                    break


def ask(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and read its whole answer; the head of it."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536) or _gone()
    head, _, body = answer.partition(b"\r\n\r\n")
    rest = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(body)
    while rest > 0:
        rest -= len(connection.recv(65536) or _gone())
    return head


def _gone() -> bytes:
    raise ConnectionError("the server closed the connection in the middle of an answer")
