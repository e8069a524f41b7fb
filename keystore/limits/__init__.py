"""Counting requests exactly: every window of an entitlement at once, charged together or not at all."""

from keystore.limits.contract import Block, Counter, Question
from keystore.limits.fallback import FallbackCounter
from keystore.limits.memory import MemoryCounter
from keystore.limits.shared import RedisCounter

__all__ = ["Block", "Counter", "FallbackCounter", "MemoryCounter", "Question", "RedisCounter"]
