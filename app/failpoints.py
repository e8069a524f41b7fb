"""Named places at which a trial may kill this process, or hold it up: how we know that nothing is lost wherever it dies.

`FAILPOINT` names one: `after_receipt` kills with SIGKILL as soon as it is reached, `after_receipt:3` the third time,
`after_receipt:sleep=0.5` waits there each time. `@/path` is a file that holds such a text; whoever reaches that place first
takes the file away and dies, so one of many processes dies once, and its successor lives. docs/reliability.md has a table.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.config import Problem, Settings, SettingsError

POINTS: Final[Mapping[str, str]] = {
    "after_mac": "a notification was found authentic; nothing is stored",
    "after_receipt": "its receipt is committed; nobody works on it yet",
    "before_snapshot": "a ticket is taken; the provider was not asked",
    "after_snapshot": "the provider has answered; no transaction is open",
    "after_lock": "entitlement, order and checkout are locked",
    "after_mint": "entitlement and key are written, not committed",
    "before_commit": "ledger, key and receipt are written, not committed",
    "after_commit": "all of it is committed; no gate was told",
    "before_reply": "the work is done; the provider has no answer",
    "order_before_provider": "the order is committed; the provider was not asked for a checkout",
    "order_after_provider": "the provider has made the checkout; we have not written its reference down",
    "parcel_after_send": "a parcel was handed over; it still counts as due",
    "rotate_mid": "a key's successor is written, not committed",
}

_armed: list["Trap"] = []  # none, or one


@dataclass
class Trap:
    """One armed place, as `text` names it: directly, or in the file that it names."""

    text: str
    hits: Counter[str] = field(default_factory=Counter)

    def reach(self, name: str) -> None:
        """Act if this place is meant and it is time."""
        wanted, _, how = self._wanted().partition(":")
        if wanted != name:
            return
        self.hits[name] += 1
        if how.isdigit() and self.hits[name] < int(how):
            return
        if not self._take():
            return
        if how.startswith("sleep="):
            time.sleep(float(how.removeprefix("sleep=")))
            return
        os.write(2, f"failpoint {name}: killed\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def _wanted(self) -> str:
        if not self.text.startswith("@"):
            return self.text
        with suppress(OSError):
            return Path(self.text[1:]).read_text().strip()
        return ""

    def _take(self) -> bool:
        """False when another process died here at the same moment."""
        if not self.text.startswith("@"):
            return True
        try:
            Path(self.text[1:]).unlink()
        except FileNotFoundError:
            return False
        return True


def arm(settings: Settings, given: Mapping[str, str]) -> None:
    """Set what `FAILPOINT` says, once, as the process starts; never where real money moves. Raises SettingsError."""
    _armed.clear()
    text = given.get("FAILPOINT", "")
    if not text or settings.mode != "test" or given.get("TOLLGATE_ENV", "").lower() == "production":
        return
    if not text.startswith("@") and text.partition(":")[0] not in POINTS:
        raise SettingsError([Problem("FAILPOINT", "names no failpoint", f"use one of {', '.join(POINTS)}")])
    _armed.append(Trap(text))


def reach(name: str) -> None:
    """Mark a place. Does nothing unless it is armed."""
    for trap in _armed:
        trap.reach(name)
