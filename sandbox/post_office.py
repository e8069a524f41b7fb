"""A mail server that delivers nothing: whatever is handed over is kept and can be read on the inbox page."""

import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern

SECONDS = 30.0  # of silence
MOST_BYTES = 1_000_000
LONGEST_LINE = 4096
EXTENSIONS = ("8BITMIME", "SMTPUTF8", f"SIZE {MOST_BYTES}")


@dataclass(frozen=True, slots=True)
class Letter:
    """One that was handed over. `to`: whom the envelope names."""

    to: tuple[str, ...]
    raw: bytes

    def header(self, name: str) -> str:
        """Empty when it has none."""
        return str(self._message()[name] or "")

    def body(self, kind: str) -> str:
        """The part of kind `plain` or `html`; empty when there is none, or when it cannot be read."""
        part = self._message().get_body((kind,))
        try:
            return str(part.get_content()) if part else ""
        except (LookupError, ValueError):  # an unknown character set, an unknown encoding
            return ""

    def _message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=modern)


class PostOffice(socketserver.ThreadingTCPServer):
    """The server; `keep` gets each letter, on the caller's thread."""

    daemon_threads = True
    block_on_close = False  # somebody who says nothing does not keep us from closing
    allow_reuse_address = True

    def __init__(self, host: str, port: int, keep: Callable[[Letter], None]) -> None:
        super().__init__((host, port), _Conversation)
        self.keep = keep
        self.url = f"smtp://{host}:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def open(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Conversation(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to get rid of a letter."""

    timeout = SECONDS
    server: PostOffice

    def handle(self) -> None:
        """Until QUIT, silence or a line that is too long."""
        self.to: list[str] = []
        self.begun = False
        self._say("220 the sandbox keeps all letters")
        try:
            while (line := self.rfile.readline(LONGEST_LINE)).endswith(b"\n"):
                if not self._answer(line.decode("utf-8", "replace").strip()):
                    return
        except (TimeoutError, ConnectionError):
            return

    def _answer(self, line: str) -> bool:
        """False ends the conversation."""
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO":
                lines = ("sandbox", *EXTENSIONS)
                self._say(*(f"250-{text}" for text in lines[:-1]), f"250 {lines[-1]}")
            case "MAIL":
                self.to, self.begun = [], True
                self._say("250 OK")
            case "RCPT" if self.begun:
                self.to.append(rest.partition("<")[2].partition(">")[0])
                self._say("250 OK")
            case "DATA" if self.to:
                return self._take()
            case "RCPT" | "DATA":
                self._say("503 say MAIL and RCPT before")
            case "HELO" | "NOOP" | "RSET":
                self.to, self.begun = [], False
                self._say("250 OK")
            case "QUIT":
                self._say("221 good-bye")
                return False
            case _:
                self._say("502 not known here")
        return True

    def _take(self) -> bool:
        """The letter itself, to the line with a lone dot. One that is too long ends the conversation."""
        self._say("354 go on, end with a dot")
        lines: list[bytes] = []
        left = MOST_BYTES
        while (line := self.rfile.readline(left + 1)) != b".\r\n":
            left -= len(line)
            if left < 0 or not line.endswith(b"\n"):
                self._say("552 that is too long")
                return False
            lines.append(line.removeprefix(b".").replace(b"\r\n", b"\n"))
        self.server.keep(Letter(tuple(self.to), b"".join(lines)))
        self.to, self.begun = [], False
        self._say("250 kept")
        return True

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
