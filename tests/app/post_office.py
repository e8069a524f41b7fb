"""A real mail server in this process, and a place that takes outgoing webhooks."""

import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller


class PostOffice:
    """Keeps what arrives. `answer` is what it says to a letter, `refused` to a recipient."""

    def __init__(self, answer):
        self.letters, self.answer, self.refused = [], answer, None

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 (aiosmtpd's name)
        if self.refused:
            return self.refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        if self.answer.startswith("250"):
            self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@contextmanager
def post_office(*, answer="250 OK", **options):
    """The office, and where it is."""
    office = PostOffice(answer)
    controller = _Controller(office, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield office, controller.port
    finally:
        controller.stop()


class _Controller(Controller):
    def _trigger_server(self):
        """The port is the system's choice, known only now."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Receiver(BaseHTTPRequestHandler):
    """Answers every POST with the server's `status` and keeps headers and body."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.reached.set()
        self.server.hold.wait(10)
        self.server.heard.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status in (301, 302, 307):
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def receiver(tls=None):
    """A server for webhooks; its `heard`, `status` and `url`. `tls`: an SSLContext."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.heard, server.status = [], 200
    server.reached, server.hold = threading.Event(), threading.Event()
    server.hold.set()  # clear it, and callers wait
    server.port = server.server_address[1]
    server.url = f"http://127.0.0.1:{server.port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
