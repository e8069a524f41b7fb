"""Requests over one bare connection. It imports next to nothing: a process of its own runs it."""

import socket
from itertools import cycle
from typing import Any

Requests = list[bytes]


def ask_for_ever(port: int, requests: Requests, asked: Any) -> None:
    """Until somebody ends this process. `asked` is a number in memory that both processes see."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for request in cycle(requests):
            ask(connection, request)
            asked.value += 1


def ask(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and read its whole answer; the head of it."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    rest = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(body)
    while rest > 0:
        rest -= len(connection.recv(65536))
    return head
