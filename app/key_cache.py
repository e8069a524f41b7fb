"""What one process remembers of the keys it just saw, and for how long it may.

An entry serves one second on its own, and up to thirty where the counter store confirms its version at each use: thirty
is also the bound when a process dies between committing a change and publishing it. Entries are found by the whole key, so a
hit has already been compared; only a digest of it is kept. While the database is down an entry serves up to a minute.
"""

import hashlib
import os
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.standing import Standing
from keystore.packing import pack, unpack
from keystore.plans import Count
from keystore.verdict import KeyRecord

FRESH_ALONE = 1.0
FRESH_CONFIRMED = 30.0
LAST_RESORT = 60.0  # while the database is down
MOST_KEYS = 100_000
MOST_AT_HAND = 2_000  # keys in use right now, kept unpacked: few of a hundred thousand are
MOST_NEW_KEYS = 10_000
TOUCH_SECONDS = 60.0

_LOADED = struct.Struct("d")
# Digests mean nothing outside this server. One byte more, and each would take 16 more.
_SALTED = hashlib.blake2b(digest_size=15, salt=os.urandom(16))


@dataclass(eq=False, slots=True)
class Copy:
    """A record, when it was loaded, and what its user worked out from it, to be found here again with it."""

    record: KeyRecord
    loaded: float
    standing: Standing | None = None


class KeyCache:
    """Bounded; thread-safe."""

    def __init__(self, monotonic: Callable[[], float], *, most: int = MOST_KEYS, at_hand: int = MOST_AT_HAND) -> None:
        self._monotonic, self._most, self._most_at_hand = monotonic, most, at_hand
        self._copies: dict[bytes, bytes] = {}  # by the digest of the key: when it was loaded, and the packed record
        self._at_hand: dict[bytes, Copy] = {}
        self._lock = threading.Lock()

    def find(self, text: str, *, within: float = FRESH_CONFIRMED) -> Copy | None:
        """A copy of the last seconds, to be used only if the count that follows does not find it outdated or doubtful."""
        digest = _digest(text)
        copy = self._at_hand.get(digest) or self._take_out(digest)
        return copy if copy and self._monotonic() - copy.loaded < within else None

    def _take_out(self, digest: bytes) -> Copy | None:
        with self._lock:
            stored = self._copies.get(digest)
            if stored is None:
                return None
            if len(self._at_hand) >= self._most_at_hand:
                self._at_hand.clear()
            copy = self._at_hand[digest] = Copy(unpack(stored[_LOADED.size :]), *_LOADED.unpack_from(stored))
            return copy

    def put(self, text: str, record: KeyRecord) -> None:
        """Remember it from now on. The tenth that came first makes room when there is none."""
        digest = _digest(text)
        stored = _LOADED.pack(self._monotonic()) + pack(record)
        with self._lock:
            if len(self._copies) >= self._most and digest not in self._copies:
                for oldest in list(self._copies)[: self._most // 10]:
                    del self._copies[oldest]
                self._at_hand.clear()
            self._at_hand.pop(digest, None)
            self._copies[digest] = stored  # in the place it had: a dict in which much is removed takes twice the memory

    def forget(self, text: str) -> None:
        """Read it anew next time."""
        digest = _digest(text)
        with self._lock:
            self._at_hand.pop(digest, None)
            self._copies.pop(digest, None)

    def is_doubtful(self, copy: Copy) -> bool:
        """Where no count tells what was published: True when the copy is not of this second."""
        return self._monotonic() - copy.loaded >= FRESH_ALONE


def is_outdated(record: KeyRecord, count: Count) -> bool:
    """True when a newer version was published: such a record serves nobody, whatever else is down, and nothing was charged on it."""
    return (count.version or count.heard) > record.version


def _digest(text: str) -> bytes:
    digest = _SALTED.copy()
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.digest()


class Recently:
    """Says once a minute for each id that it was seen: for the first use of a key, until its record tells of it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, float] = {}

    def is_first(self, name: str) -> bool:
        """True when `name` was not seen in the last minute."""
        now = self._monotonic()
        if now - self._seen.get(name, -TOUCH_SECONDS) < TOUCH_SECONDS:
            return False
        if len(self._seen) >= MOST_NEW_KEYS:
            self._seen.clear()
        self._seen[name] = now
        return True
