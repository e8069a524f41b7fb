"""What one request asks of the stores, counted one by one: the figures that no loader and no clock can blur."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from redis import Redis
from sqlalchemy import Engine, event

from app.bench.cases import Case
from app.bench.contestants import hello
from app.bench.ground import Standing, settings_of
from app.bench.load import Requests
from app.bench.results import Asked

ASKED = 50  # requests for one key, one after the other
START = "the first one comes"
END = "that was the last one"


def asked(case: Case, port: int, requests: Requests, standing: Standing) -> Asked:
    """Commands to Redis and SQL statements of one request whose key was asked for before; of the bare view nothing."""
    if case.what == "plain":
        return Asked()
    with requests.path.open() as lines:
        first = next(lines).rstrip("\n").replace(r"\r\n", "\r\n")
    redis = _commands(port, first, standing.redis) / ASKED if standing.redis else None
    sql = _statements(first, standing) / ASKED if case.program.contestant == "tollgate" else None
    return Asked(redis, sql)


def _commands(port: int, request: str, redis: Redis) -> int:
    """What clients sent to Redis meanwhile; what a script calls inside is part of the script."""
    with redis.monitor() as heard:  # type: ignore[no-untyped-call]  # redis-py forgot
        redis.echo(START)  # behind the greetings of this connection
        server = HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(ASKED):
            _send(server, request)
        server.close()
        redis.echo(END)
        return sum(1 for command in _between(heard.listen()) if command["client_type"] != "lua")


def _between(commands: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    started = False
    for command in commands:
        if END in command["command"]:
            return
        if started:
            yield command
        started = started or START in command["command"]


def _send(server: HTTPConnection, request: str) -> None:
    method, path, headers, body = parts(request)
    server.request(method, path, body or None, headers)
    server.getresponse().read()


def parts(request: str) -> tuple[str, str, dict[str, str], str]:
    """Method, path, headers and body of a request as it goes over the wire."""
    head, _, body = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split()
    return method, path, dict(line.split(": ", 1) for line in lines), body


def _statements(request: str, standing: Standing) -> int:
    """In this process, where each statement can be heard."""
    from app.factory import create_app  # noqa: PLC0415 (brings the whole gateway with it)
    from app.web.gating import gate  # noqa: PLC0415

    app = create_app(settings_of(standing.environ))
    app.get("/hello")(gate(hello))
    method, path, headers, body = parts(request)
    client = app.test_client()
    client.open(path, method=method, headers=headers, data=body)
    with _heard() as statements:
        for _ in range(ASKED):
            client.open(path, method=method, headers=headers, data=body)
    app.extensions["tollgate"].db.engine.dispose()
    return len(statements)


@contextmanager
def _heard() -> Iterator[list[str]]:
    statements: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
