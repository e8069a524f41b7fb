"""gunicorn's threaded worker, not held up by clients that fall silent.

After the last answer on a connection gunicorn 27 waits, in its main thread, for the other side to close it: for as long as a packet
takes to the client and back, and up to two seconds where nothing comes. Meanwhile it takes no other connection, and no
further request on those it has. And a client that stops in the middle of a request, because it lost its network, say, keeps a thread for ever.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import TConn, ThreadWorker

if TYPE_CHECKING:
    from concurrent.futures import Future

SECONDS = 2.0  # as gunicorn; looked at once a second
ROOM = 65_536  # bytes that are read meanwhile, likewise
MOST = 256  # the one that came first makes room
SILENCE = 30  # seconds in the middle of a request, or of taking its answer


class LingeringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """One process with its threads. `handle` runs in one of them, everything else in the main thread."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._lingering: dict[TConn, tuple[float, int]] = {}  # until when, and how much may come

    def handle(self, conn: TConn) -> object:
        """Answer a request. The kernel gives a silent client up, as an OSError that gunicorn logs."""
        if not conn.initialized:
            for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, direction, struct.pack("ll", SILENCE, 0))  # a struct timeval
        return super().handle(conn)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """What becomes of a connection after its request."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def murder_pending(self) -> None:
        """Close what was waited for long enough."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, (until, _) in self._lingering.items() if until <= now]:
            self._hang_up(conn)

    def _linger(self, conn: TConn) -> None:
        """Say that nothing more comes, and wait for the other side: to close at once could take back the answer (RFC 9112, 9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError):  # it is gone already
            self._close(conn)
            return
        if len(self._lingering) >= MOST:
            self._hang_up(next(iter(self._lingering)))
        self._lingering[conn] = time.monotonic() + SECONDS, ROOM

    def _drain(self, conn: TConn, sock: socket.socket) -> None:
        if conn not in self._lingering:  # it made room after the poller had seen it
            return
        until, room = self._lingering[conn]
        try:
            size = len(sock.recv(room))
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if 0 < size < room:
            self._lingering[conn] = until, room - size
        else:
            self._hang_up(conn)

    def _hang_up(self, conn: TConn) -> None:
        del self._lingering[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()
