"""The key as text: its shape, its making, its MAC. Pure: no database, no clock.

    tg_<live|test>_<id 12>_<secret 43><crc32 6>

All base62, so one click selects it; the checksum covers everything before it, so typos and noise are refused without a
query. The id is public. Stored is only HMAC-SHA256(pepper, whole key).
"""

import hmac
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keystore.ids import base62, new_id

DEFAULT_PREFIX = "tg"
MODES = ("live", "test")
SEED_BYTES = 32
ID_PREFIX = "key"
ID_LENGTH = 12
MIN_PEPPER_BYTES = 16
_SECRET_WIDTH = 43  # 62**43 > 2**256: every seed fits
_CRC_WIDTH = 6
_LONGEST = 100  # no key is longer, whatever its prefix; anything beyond is refused before any work
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,15}")
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,20}")


class Secret:
    """A plaintext that does not show itself in logs, tracebacks or f-strings. `reveal()` is the only way out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The plaintext. Call it only where it leaves for its holder."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A text that has the shape and the checksum of a key. Nothing says yet that it exists."""

    mode: str  # live | test
    id12: str
    text: str = field(repr=False)

    @property
    def key_id(self) -> str:
        """The id under which the keystore knows it."""
        return f"{ID_PREFIX}_{self.id12}"


def generate(mode: str, *, prefix: str, seed: bytes, key_id12: str | None = None) -> tuple[str, Secret]:
    """The key's id and its plaintext. The same seed and `key_id12` give the same key; without one, the id is random.

    Raises ValueError unless the mode is live or test, the seed has 32 bytes and the parts make a key that parses.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes")
    key_id12 = key_id12 or new_id(ID_PREFIX, ID_LENGTH).removeprefix(f"{ID_PREFIX}_")
    body = f"{prefix}_{mode}_{key_id12}_{base62(int.from_bytes(seed), _SECRET_WIDTH)}"
    key = parse(body + _crc(body), prefix=prefix)
    if key is None:
        raise ValueError("unknown mode, or an id that is not 12 base62 characters")
    return key.key_id, Secret(key.text)


def derive_seed(secret_key: bytes, idempotency_key: str, key_id: str) -> bytes:
    """The seed that a repeated request finds again without anything having been stored. 32 bytes.

    Raises ValueError on an empty `secret_key`: anybody could then derive everybody's keys.
    """
    if not secret_key:
        raise ValueError("the secret key is empty")
    root = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=None, info=b"keystore: seed of an api key").derive(
        secret_key
    )
    return hmac.digest(root, idempotency_key.encode() + b"\0" + key_id.encode(), "sha256")


def parse(text: str, *, prefix: str = DEFAULT_PREFIX) -> ParsedKey | None:
    """The parts of a well-formed key; None when it is malformed, whatever the text is. Costs no query."""
    if len(text) > _LONGEST:
        return None
    match = _shape(prefix).fullmatch(text)
    if match is None or _crc(text[:-_CRC_WIDTH]) != text[-_CRC_WIDTH:]:
        return None
    return ParsedKey(match[1], match[2], text)


def mac(pepper: bytes, text: str) -> bytes:
    """HMAC-SHA256 over the whole key. 32 bytes. 256 random bits need no slow hash."""
    return hmac.digest(pepper, text.encode(), "sha256")


def hint(text: str) -> str:
    """`tg_test_4fJk…_…abcd`: enough to recognise a key, useless to call with."""
    return f"{text[: -_SECRET_WIDTH - _CRC_WIDTH]}…{text[-4:]}"


@dataclass(frozen=True, slots=True)
class Peppers:
    """The labelled secrets behind the MACs. The first one is current; the others are still accepted."""

    by_label: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `v2:…,v1:…`. Raises ValueError naming every mistake, never a pepper."""
        peppers: dict[str, bytes] = {}
        mistakes = []
        for place, item in enumerate(text.split(","), start=1):
            label, colon, value = item.strip().partition(":")
            if not colon or not _LABEL.fullmatch(label):
                mistakes.append(f"pepper {place} is not <label>:<secret>")
            elif label in peppers:
                mistakes.append(f"label {label} is used twice")
            elif len(value.encode()) < MIN_PEPPER_BYTES:
                mistakes.append(f"pepper {label} is shorter than {MIN_PEPPER_BYTES} bytes")
            peppers[label] = value.encode()
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return cls(peppers)

    @property
    def current(self) -> str:
        """Label of the pepper that new MACs are made with."""
        return next(iter(self.by_label))

    def mac(self, text: str) -> bytes:
        """The MAC of a key under the current pepper."""
        return mac(self.by_label[self.current], text)

    def matches(self, text: str, *, stored: bytes, label: str) -> bool:
        """Whether `stored` is the MAC of this key under that pepper. Constant time; False for a label we no longer have."""
        pepper = self.by_label.get(label)
        return pepper is not None and hmac.compare_digest(mac(pepper, text), stored)


def _crc(body: str) -> str:
    return base62(zlib.crc32(body.encode()), _CRC_WIDTH)


@lru_cache(maxsize=8)
def _shape(prefix: str) -> re.Pattern[str]:
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("a prefix is 1-16 lower-case letters and digits and starts with a letter")
    return re.compile(
        rf"{prefix}_({'|'.join(MODES)})_([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_WIDTH + _CRC_WIDTH}}}"
    )
