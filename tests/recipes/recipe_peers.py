"""Who stands around the proxies: the API behind them, a Tollgate that cannot tell, and a client that writes what it likes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

Headers = Sequence[tuple[str, str]]


class Quiet(BaseHTTPRequestHandler):
    """A server without a log."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: object, *more: tuple[str, str]) -> None:
        """JSON to the proxy."""
        written = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(written)))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_arguments: object) -> None:
        """Nothing to say."""


class Api(Quiet):
    """The API behind the gate: answers what it received."""

    def do_GET(self) -> None:
        """Whatever the method."""
        if self.headers.get("Upgrade"):
            self.talk()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.requestline.split()[1]  # as it came: `path` has lost one of two leading slashes
        said = {"method": self.command, "path": target, "headers": [*self.headers.items()], "body": body.hex()}
        self.answer(200, said, ("Content-Type", "application/json"))

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (http.server's names)

    def talk(self) -> None:
        """Another protocol from here on: a line is answered with the caller's plan and the same line."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", str(self.headers["Upgrade"]))
        self.end_headers()
        self.wfile.write(f"{self.headers['X-Tollgate-Plan']} ".encode() + self.rfile.readline())
        self.close_connection = True


class Undecided(Quiet):
    """Tollgate while its database is away and the key is one it does not remember."""

    def do_GET(self) -> None:
        """The same to everybody."""
        problem = ("Content-Type", "application/problem+json")
        self.answer(503, {"status": 503, "code": "unavailable"}, problem, ("Retry-After", "5"))


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server until the end of the block; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def send(port: int, target: str = "/", headers: Headers = (), line: bytes = b"") -> SimpleNamespace:
    """One GET with target and headers as they are given; libraries would tidy them up. `line`: what is said after a 101."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        heard = answer.read() if answer.status != 101 else talk(connection, answer, line)
        return SimpleNamespace(status=answer.status, headers=answer.headers, text=heard.decode())
    finally:
        connection.close()


def talk(connection: HTTPConnection, answer: HTTPResponse, line: bytes) -> bytes:
    """The line that comes back for this one, in the new protocol."""
    connection.sock.sendall(line)
    return answer.fp.readline()
